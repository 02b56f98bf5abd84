import { defineMetric } from "../component.js";

/** As accuracy, were all classes equally common. */
export const balancedAccuracy = defineMetric({
  name: "balanced_accuracy",
  label: "balanced accuracy",
  source: "Brodersen et al., ICPR 2010",
  architecture: "mean over the classes of sensitivity",
  value: ({ balancedAccuracy }) => balancedAccuracy,
});
