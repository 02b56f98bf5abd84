/** Options of summaries and comparisons, and the metrics that they leave out. */
import { DEFAULT_RESAMPLES, type Estimate, type MetricName, METRICS, noInterval } from "@slicestack/stats";

export interface SummaryOptions {
  /** names of the classes 0..C-1 */
  classes: readonly string[];
  /** of the bootstrap; the same seed gives the same intervals */
  seed: number;
  /** true if the classes are ordered grades: kappa, error in grades and off-by-one accuracy are then meaningful */
  ordinal?: boolean;
  /** default 2000 */
  resamples?: number;
  /** default 0.95 */
  level?: number;
  /** bins of the calibration error; default 10, fewer in small samples */
  bins?: number;
}

/** The options with their defaults; `classes` is C. */
export function settings(options: SummaryOptions) {
  return {
    classes: options.classes.length,
    ordinal: options.ordinal ?? false,
    resamples: options.resamples ?? DEFAULT_RESAMPLES,
    level: options.level ?? 0.95,
    seed: options.seed,
  };
}

/** No interval is given for binned errors: their bootstrap is biased upwards, so it might not contain the estimate. */
export const WITHOUT_INTERVAL: readonly MetricName[] = ["calibrationError", "classwiseCalibrationError"];

const ORDINAL_ONLY: readonly MetricName[] = ["quadraticKappa", "meanAbsoluteError", "offByOneAccuracy"];

/** False for the metrics of grades if the classes are not ordered. */
export function applies(name: MetricName, ordinal: boolean): boolean {
  return ordinal || !ORDINAL_ONLY.includes(name);
}

export function absent(level: number): Estimate {
  return { value: Number.NaN, interval: noInterval(level) };
}

export function byMetric<T>(of: (name: MetricName) => T): Record<MetricName, T> {
  return Object.fromEntries(METRICS.map((name) => [name, of(name)])) as Record<MetricName, T>;
}
