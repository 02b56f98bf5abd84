/** The metrics that tables of models lead with. */
import type { MetricName } from "@slicestack/stats";

/** Four metrics; the last is quadratic-weighted kappa for ordered classes, otherwise AUROC. */
export function headlines(ordinal: boolean): MetricName[] {
  return ["accuracy", "balancedAccuracy", "macroF1", ordinal ? "quadraticKappa" : "auroc"];
}
