/** Differences of two models that were scored on the same resamples of subjects. */
import { bcaInterval, bcaPValue, type ReplicatedStatistic } from "./bca.js";
import { resampleSubjects, type Resampled, type SubjectGroups, type WeightedStatistics } from "./bootstrap.js";
import type { Estimate } from "./interval.js";

/** The first model minus the second. */
export interface PairedEstimate {
  difference: Estimate;
  /** two-sided, of "there is no difference"; agrees with the interval */
  p: number;
}

/**
 * Paired bootstrap of any metrics: both models are scored on the same draws of whole subjects, so that what makes a
 * draw easy or hard for both cancels out. Efron & Tibshirani, An Introduction to the Bootstrap (1993).
 * @param first writes `count` metrics of the first model on a weighted sample   @param second the same of the second
 * @returns one entry a metric   @throws RangeOfParameterError
 */
export function pairedBootstrap(
  first: WeightedStatistics,
  second: WeightedStatistics,
  count: number,
  groups: SubjectGroups,
  { level = 0.95, ...options }: { resamples?: number; random: () => number; level?: number },
): PairedEstimate[] {
  const both: WeightedStatistics = (weights, out) => {
    first(weights, out.subarray(0, count));
    second(weights, out.subarray(count));
  };
  const resampled = resampleSubjects(both, 2 * count, groups, options);
  return Array.from({ length: count }, (_, k) => pairedEstimate(differenceOf(resampled, k, count + k), level));
}

/** Statistic `a` minus statistic `b` of one resampling. */
export function differenceOf(
  { estimate, replicates, jackknife }: Resampled,
  a: number,
  b: number,
): ReplicatedStatistic {
  const minus = (x: Float64Array, y: Float64Array) => x.map((value, i) => value - y[i]!);
  return {
    estimate: estimate[a]! - estimate[b]!,
    replicates: minus(replicates[a]!, replicates[b]!),
    jackknife: jackknife[a]!.map((stratum, s) => minus(stratum, jackknife[b]![s]!)),
  };
}

export function pairedEstimate(statistic: ReplicatedStatistic, level: number): PairedEstimate {
  return {
    difference: { value: statistic.estimate, interval: bcaInterval(statistic, level) },
    p: bcaPValue(statistic),
  };
}
