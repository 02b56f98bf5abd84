import { defineMetric } from "../component.js";

/** Measures the ranking and does not depend on a threshold. */
export const auroc = defineMetric({
  name: "auroc",
  label: "AUROC",
  source: "Hanley, McNeil, Radiology 143, 1982",
  architecture: "area under the ROC curve; for several classes, the mean of each against the rest",
  planned: "two classes",
  needsTwoClasses: true,
  value: ({ auroc }) => auroc,
});
