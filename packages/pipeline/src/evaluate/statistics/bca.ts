/** Intervals and p-values from bootstrap replicates and a jackknife. */
import normalCdf from "@stdlib/stats-base-dists-normal-cdf";
import normalQuantile from "@stdlib/stats-base-dists-normal-quantile";
import { checkLevel, noInterval, type Interval } from "./interval.js";

/** Below this share of replicates with a value, no interval is given. */
const ENOUGH_REPLICATES = 0.9;

/** Replicates closer to the estimate than this count as equal: they differ only by rounding. */
const ROUNDING = 1e-12;

/** What the interval of one statistic is computed from. */
export interface ReplicatedStatistic {
  /** the statistic of the sample as it is */
  estimate: number;
  /** the statistic of each bootstrap resample; NaN where undefined */
  replicates: ArrayLike<number>;
  /** the statistic with one unit left out, grouped by stratum */
  jackknife: readonly ArrayLike<number>[];
}

/**
 * Bias-corrected and accelerated bootstrap interval. Efron, J. Am. Stat. Assoc. 82 (1987) 171; acceleration from the
 * jackknife, for strata as in Davison & Hinkley, Bootstrap Methods and their Application (1997), chapter 5.
 * Falls back to percentiles where the correction is undefined (all replicates on one side of the estimate, or a
 * jackknife without spread), and gives none where all replicates are equal (a constant or perfect predictor)
 * or more than a tenth of them are undefined.
 */
export function bcaInterval(statistic: ReplicatedStatistic, level = 0.95): Interval {
  checkLevel(level);
  const sorted = usableReplicates(statistic);
  if (sorted === undefined) return noInterval(level);
  const tails = [(1 - level) / 2, (1 + level) / 2] as const;
  const bias = normalQuantile(shareBelow(sorted, statistic.estimate), 0, 1);
  const a = acceleration(statistic.jackknife);
  const [low, high] = tails.map((tail) => corrected(tail, bias, a)) as [number, number];
  if (low > 0 && high < 1 && low < high)
    return { low: quantile(sorted, low), high: quantile(sorted, high), level, method: "bca" };
  return { low: quantile(sorted, tails[0]), high: quantile(sorted, tails[1]), level, method: "percentile" };
}

/**
 * Two-sided p-value of "the statistic is `hypothesis`": one minus the level of the BCa interval that just reaches it, so
 * that p < 0.05 and a 95 % interval without it are the same statement. Efron & Tibshirani, An Introduction to the
 * Bootstrap (1993), chapters 14 and 16. Where the correction is undefined, by percentiles, as the interval.
 * @returns at least 2 / (replicates + 1), which means "not seen in so many draws"; 1 where nothing ever differs from the
 *   hypothesis; NaN where there is no interval
 */
export function bcaPValue(statistic: ReplicatedStatistic, hypothesis = 0): number {
  const sorted = usableReplicates(statistic);
  if (sorted === undefined) return neverDiffers(statistic, hypothesis) ? 1 : Number.NaN;
  const smallest = 1 / (sorted.length + 1);
  // Draws that hit the hypothesis count against the difference, as an interval that ends on it holds it.
  const ties = statistic.estimate >= hypothesis ? 1 : 0;
  const share = Math.min(1 - smallest, Math.max(smallest, shareBelow(sorted, hypothesis, ties)));
  const bias = normalQuantile(shareBelow(sorted, statistic.estimate), 0, 1);
  const a = acceleration(statistic.jackknife);
  const tail = tailAt(share, bias, a);
  return Math.min(1, Math.max(2 * smallest, 2 * Math.min(tail, 1 - tail)));
}

function neverDiffers({ estimate, replicates }: ReplicatedStatistic, hypothesis: number): boolean {
  const values = [estimate, ...Array.from(replicates)];
  return values.every((value) => Math.abs(value - hypothesis) <= ROUNDING);
}

/** The finite replicates in order; undefined where they give no interval. */
function usableReplicates({ estimate, replicates }: ReplicatedStatistic): Float64Array | undefined {
  const sorted = Float64Array.from(replicates).filter(Number.isFinite).sort();
  if (!Number.isFinite(estimate) || sorted.length < Math.max(2, ENOUGH_REPLICATES * replicates.length))
    return undefined;
  return sorted[sorted.length - 1]! - sorted[0]! <= ROUNDING ? undefined : sorted;
}

/** Share of replicates below a value. @param ties what equal ones count */
function shareBelow(sorted: Float64Array, reference: number, ties = 0.5): number {
  const tolerance = ROUNDING * Math.max(1, Math.abs(reference));
  let below = 0;
  for (const value of sorted) {
    if (value < reference - tolerance) below += 1;
    else if (value <= reference + tolerance) below += ties;
  }
  return below / sorted.length;
}

/** Skewness of the influence of single units: Σ_k Σ_i u³/n_k³ / (6 (Σ_k Σ_i u²/n_k²)^1.5), u = (n_k - 1)(mean - value). */
function acceleration(jackknife: readonly ArrayLike<number>[]): number {
  let cubes = 0;
  let squares = 0;
  for (const stratum of jackknife) {
    const n = stratum.length;
    let sum = 0;
    for (let i = 0; i < n; i++) sum += stratum[i]!;
    for (let i = 0; i < n; i++) {
      const influence = ((n - 1) * (sum / n - stratum[i]!)) / n;
      cubes += influence ** 3;
      squares += influence ** 2;
    }
  }
  return squares > ROUNDING ** 2 ? cubes / (6 * squares ** 1.5) : Number.NaN;
}

/** The percentile of the replicates that stands for a tail; NaN where bias or acceleration is undefined. */
function corrected(tail: number, bias: number, a: number): number {
  const z = bias + normalQuantile(tail, 0, 1);
  const stretch = 1 - a * z;
  return stretch > 0 ? normalCdf(bias + z / stretch, 0, 1) : Number.NaN;
}

/** The inverse of `corrected`: the tail whose bound lies at a percentile of the replicates. */
function tailAt(share: number, bias: number, a: number): number {
  if (!Number.isFinite(bias) || Number.isNaN(a)) return share;
  const distance = normalQuantile(share, 0, 1) - bias;
  const stretch = 1 + a * distance;
  return stretch > 0 ? normalCdf(distance / stretch - bias, 0, 1) : share;
}

/** Quantile by linear interpolation between order statistics (Hyndman & Fan type 7, numpy's default). */
export function quantile(sorted: Float64Array, p: number): number {
  const position = p * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (position - below) * (high - low);
}
