import { defineMetric } from "../component.js";

/** Weights rare classes as much as common ones. */
export const macroF1 = defineMetric({
  name: "macro_f1",
  label: "macro F1",
  source: "van Rijsbergen, Information Retrieval, 1979",
  architecture: "mean F1 over the classes",
  planned: "several classes",
  value: ({ macroF1 }) => macroF1,
});
