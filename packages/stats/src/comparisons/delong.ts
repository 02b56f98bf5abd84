/**
 * The variance of an AUROC, and whether two AUROCs on the same volumes differ, without resampling.
 * DeLong, DeLong & Clarke-Pearson, Biometrics 44 (1988) 837; midranks make it O(n log n): Sun & Xu, IEEE Signal
 * Processing Letters 21 (2014) 1389. M positives, N negatives.
 */
import normalCdf from "@stdlib/stats-base-dists-normal-cdf";
import normalQuantile from "@stdlib/stats-base-dists-normal-quantile";
import { RangeOfParameterError, ShapeError } from "../errors.js";
import { checkIndependent } from "../intervals/bootstrap.js";
import { checkLevel, noInterval, type Estimate, type Interval } from "../intervals/interval.js";

/** A score for each volume, higher for positives. */
export interface BinaryScores {
  readonly scores: readonly number[];
  readonly positive: readonly boolean[];
  /** all different, because DeLong's variance assumes that volumes are independent */
  readonly subjects: readonly string[];
}

/** Variances closer to 0 than this are rounding errors: a perfect predictor, or two predictors that rank alike. */
const NO_VARIANCE = 1e-18;

/**
 * AUROC with DeLong's standard error. The interval is normal on the logit scale, so that it stays within 0..1 (Qin &
 * Hotilovac, Stat. Methods Med. Res. 17 (2008) 207).
 * @returns NaN without positives or negatives; no interval where the standard error is 0 (a perfect predictor) or
 *   undefined (one positive or one negative)
 * @throws ShapeError, RangeOfParameterError (NaN), ClusteredSubjectsError (several volumes of a subject)
 */
export function delongAuroc(sample: BinaryScores, level = 0.95): Estimate & { standardError: number } {
  checkSample("DeLong's interval", sample, level);
  const placed = placements(sample.scores, sample.positive);
  const standardError = Math.sqrt(covariance(placed, placed));
  return { value: placed.auroc, standardError, interval: logitInterval(placed.auroc, standardError, level) };
}

/** The first model minus the second. */
export interface DelongTest {
  auroc: [number, number];
  difference: Estimate;
  standardError: number;
  z: number;
  /** two-sided */
  p: number;
}

/**
 * DeLong's paired test of two scores of the same volumes.
 * It is anti-conservative where one model contains the other or both were fitted on these volumes (Demler et al., Stat.
 * Med. 31 (2012) 2577): here nothing is fitted on the test set.
 * @param second the scores of the other model, in the same order
 * @returns p = 1 where the AUROCs are equal and never vary; p NaN where they differ without variance, or where there
 *   are fewer than two positives or negatives
 * @throws the errors of delongAuroc
 */
export function delongTest(first: BinaryScores, second: readonly number[], level = 0.95): DelongTest {
  const name = "DeLong's test";
  checkSample(name, first, level);
  checkSample(name, { ...first, scores: second }, level);
  const [a, b] = [placements(first.scores, first.positive), placements(second, first.positive)];
  const variance = covariance(a, a) + covariance(b, b) - 2 * covariance(a, b);
  const value = a.auroc - b.auroc;
  const still = !(variance > NO_VARIANCE);
  const standardError = still && !Number.isNaN(variance) ? 0 : Math.sqrt(variance);
  const z = value / standardError;
  const p = still ? (standardError === 0 && value === 0 ? 1 : Number.NaN) : 2 * normalCdf(-Math.abs(z), 0, 1);
  const half = normalQuantile((1 + level) / 2, 0, 1) * standardError;
  const interval: Interval = still
    ? noInterval(level)
    : { low: value - half, high: value + half, level, method: "delong" };
  return { auroc: [a.auroc, b.auroc], difference: { value, interval }, standardError, z, p };
}

function checkSample(test: string, { scores, positive, subjects }: BinaryScores, level: number): void {
  checkLevel(level);
  for (const [name, values] of Object.entries({ scores, subjects }))
    if (values.length !== positive.length)
      throw new ShapeError(
        `${test}: ${name}`,
        `${positive.length} values, as many as labels`,
        String(values.length),
      );
  const bad = scores.findIndex((score) => Number.isNaN(score));
  if (bad >= 0) throw new RangeOfParameterError(`${test}: scores[${bad}]`, "a number", "NaN");
  checkIndependent(test, subjects);
}

/**
 * Structural components: the share of negatives below each positive, and the share of positives above each negative.
 */
interface Placements {
  auroc: number;
  positive_M: Float64Array;
  negative_N: Float64Array;
}

function placements(scores: readonly number[], positive: readonly boolean[]): Placements {
  const x_M = Float64Array.from(scores.filter((_, i) => positive[i]));
  const y_N = Float64Array.from(scores.filter((_, i) => !positive[i]));
  const [m, n] = [x_M.length, y_N.length];
  const all = new Float64Array(m + n);
  all.set(x_M);
  all.set(y_N, m);
  const [ranks, ranksOfPositives, ranksOfNegatives] = [midranks(all), midranks(x_M), midranks(y_N)];
  const positive_M = x_M.map((_, i) => (ranks[i]! - ranksOfPositives[i]!) / n);
  const negative_N = y_N.map((_, j) => 1 - (ranks[m + j]! - ranksOfNegatives[j]!) / m);
  return { auroc: n === 0 ? Number.NaN : mean(positive_M), positive_M, negative_N };
}

/** Rank of each value, starting at 1; equal values share the mean of their ranks. */
function midranks(values: Float64Array): Float64Array {
  const order = Int32Array.from(values.keys()).sort((a, b) => values[a]! - values[b]!);
  const ranks = new Float64Array(values.length);
  for (let start = 0; start < order.length;) {
    let end = start;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let k = start; k < end; k++) ranks[order[k]!] = (start + end + 1) / 2;
    start = end;
  }
  return ranks;
}

/** Covariance of two AUROCs on the same volumes; NaN with fewer than two positives or negatives. */
function covariance(a: Placements, b: Placements): number {
  return (
    sampleCovariance(a.positive_M, b.positive_M) / a.positive_M.length +
    sampleCovariance(a.negative_N, b.negative_N) / a.negative_N.length
  );
}

function sampleCovariance(a: Float64Array, b: Float64Array): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - meanA) * (b[i]! - meanB);
  return sum / (a.length - 1);
}

function mean(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

function logitInterval(auroc: number, standardError: number, level: number): Interval {
  if (!(standardError ** 2 > NO_VARIANCE) || auroc <= 0 || auroc >= 1) return noInterval(level);
  const half = (normalQuantile((1 + level) / 2, 0, 1) * standardError) / (auroc * (1 - auroc));
  const centre = Math.log(auroc / (1 - auroc));
  const expit = (x: number) => 1 / (1 + Math.exp(-x));
  return { low: expit(centre - half), high: expit(centre + half), level, method: "delong" };
}
