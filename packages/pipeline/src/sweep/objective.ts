/** What a sweep optimises: a metric of the validation set. */
import { defaultBins, scoreAll, type MetricName } from "@slicestack/stats";

/** Metrics for which lower is better. */
const ERRORS: ReadonlySet<MetricName> = new Set([
  "meanAbsoluteError",
  "negativeLogLikelihood",
  "brierScore",
  "calibrationError",
  "classwiseCalibrationError",
  "areaUnderRiskCoverage",
]);

export const lowerIsBetter = (metric: MetricName): boolean => ERRORS.has(metric);

/** Every metric of the validation predictions; NaN if undefined. */
export function metricsOf({
  labels,
  probabilities,
}: {
  labels: readonly number[];
  probabilities: readonly (readonly number[])[];
}): Record<MetricName, number> {
  return scoreAll({ labels, probabilities }, probabilities[0]?.length ?? 0, defaultBins(labels.length));
}
