import { defineMetric } from "../component.js";

/** The accuracy if all classes were equally common. */
export const balancedAccuracy = defineMetric({
  name: "balanced_accuracy",
  label: "balanced accuracy",
  source: "Brodersen et al., ICPR 2010",
  architecture: "mean sensitivity over the classes",
  value: ({ balancedAccuracy }) => balancedAccuracy,
});
