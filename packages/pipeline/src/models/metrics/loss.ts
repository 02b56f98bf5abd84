import { defineMetric } from "../component.js";

/** Distinguishes even epochs with the same classifications. */
export const loss = defineMetric({
  name: "loss",
  label: "loss",
  source: "Good, Journal of the Royal Statistical Society B 14, 1952",
  architecture: "mean -log p of the true class",
  lowerIsBetter: true,
  value: ({ loss }) => loss,
});
