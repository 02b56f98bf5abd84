/** Intervals from bootstrap replicates and a jackknife. */
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
