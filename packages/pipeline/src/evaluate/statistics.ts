/** Intervals: Wilson's for a proportion, BCa from bootstrap replicates and a jackknife. */
import normalCdf from "@stdlib/stats-base-dists-normal-cdf";
import normalQuantile from "@stdlib/stats-base-dists-normal-quantile";
import { RangeOfParameterError } from "./errors.js";

/** How an interval was computed; "none" where the data give none (its bounds are NaN). */
export type IntervalMethod = "wilson" | "bca" | "percentile" | "none";

export interface Interval {
  low: number;
  high: number;
  /** e.g. 0.95 */
  level: number;
  method: IntervalMethod;
}

/** A number with its interval. */
export interface Estimate {
  value: number;
  interval: Interval;
}

/** Below this share of replicates with a value, no interval is given. */
const ENOUGH_REPLICATES = 0.9;

/** Replicates closer to the estimate than this count as equal: they differ only by rounding. */
const ROUNDING = 1e-12;

export function noInterval(level: number): Interval {
  return { low: Number.NaN, high: Number.NaN, level, method: "none" };
}

function checkLevel(level: number): void {
  if (!(level > 0 && level < 1)) throw new RangeOfParameterError("level", "a number between 0 and 1", String(level));
}

/**
 * Wilson score interval of a proportion; trials must be independent (one volume a subject).
 * Wilson, J. Am. Stat. Assoc. 22 (1927) 209.
 * @returns no interval where there are no trials
 * @throws RangeOfParameterError unless 0 <= successes <= trials and 0 < level < 1
 */
export function wilson(successes: number, trials: number, level = 0.95): Interval {
  checkLevel(level);
  if (!(successes >= 0 && successes <= trials))
    throw new RangeOfParameterError("successes", `a number 0..${trials} (trials)`, String(successes));
  if (trials === 0) return noInterval(level);
  const z = normalQuantile((1 + level) / 2, 0, 1);
  const p = successes / trials;
  const shrink = 1 + (z * z) / trials;
  const centre = (p + (z * z) / (2 * trials)) / shrink;
  const half = (z / shrink) * Math.sqrt((p * (1 - p)) / trials + (z * z) / (4 * trials * trials));
  return {
    low: successes === 0 ? 0 : centre - half,
    high: successes === trials ? 1 : centre + half,
    level,
    method: "wilson",
  };
}

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
export function bcaInterval({ estimate, replicates, jackknife }: ReplicatedStatistic, level = 0.95): Interval {
  checkLevel(level);
  const sorted = Float64Array.from(replicates).filter(Number.isFinite).sort();
  const none = !Number.isFinite(estimate) || sorted.length < Math.max(2, ENOUGH_REPLICATES * replicates.length);
  if (none || sorted[sorted.length - 1]! - sorted[0]! <= ROUNDING) return noInterval(level);
  const tails = [(1 - level) / 2, (1 + level) / 2] as const;
  const bias = normalQuantile(shareBelow(sorted, estimate), 0, 1);
  const a = acceleration(jackknife);
  const [low, high] = tails.map((tail) => corrected(tail, bias, a)) as [number, number];
  if (low > 0 && high < 1 && low < high)
    return { low: quantile(sorted, low), high: quantile(sorted, high), level, method: "bca" };
  return { low: quantile(sorted, tails[0]), high: quantile(sorted, tails[1]), level, method: "percentile" };
}

/** Share of replicates below the estimate, equal ones counting half. */
function shareBelow(sorted: Float64Array, estimate: number): number {
  const tolerance = ROUNDING * Math.max(1, Math.abs(estimate));
  let below = 0;
  for (const value of sorted) {
    if (value < estimate - tolerance) below += 1;
    else if (value <= estimate + tolerance) below += 0.5;
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

/** Quantile by linear interpolation between order statistics (Hyndman & Fan type 7, numpy's default). */
export function quantile(sorted: Float64Array, p: number): number {
  const position = p * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (position - below) * (high - low);
}
