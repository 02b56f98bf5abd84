import { defineMetric } from "../component.js";

/** Of the ranking; depends on no threshold. */
export const auroc = defineMetric({
  name: "auroc",
  label: "AUROC",
  source: "Hanley, McNeil, Radiology 143, 1982",
  architecture: "area under the ROC curve; of several classes the mean of each against the rest",
  planned: "two classes",
  needsTwoClasses: true,
  value: ({ auroc }) => auroc,
});
