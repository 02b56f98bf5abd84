/**
 * Derives the interval of a statistic, and the interval and test of a difference, from how the statistics vary with the
 * subjects. The same rule holds for every number of an evaluation, however many volumes a subject has:
 *
 * - a number between two bounds (accuracy, AUROC, kappa) has the Wilson interval of a share with the number of trials
 *   that gives the same standard error. For a share of independent volumes this is the usual Wilson interval;
 * - a loss, which has no upper bound, has a t interval on the logarithmic scale;
 * - any other number has a t interval.
 *
 * A mean of shares of different subjects, as the balanced accuracy is one of recalls, combines the intervals of the
 * shares (Zou & Donner): a class without an error, whose share does not vary between resamples, still widens it.
 *
 * The interval of a difference is Newcombe's: it combines the two intervals and the correlation of the two numbers, so
 * it keeps their bounds and skewness, where a symmetric interval would be too narrow near 0 or 1.
 */
import normalQuantile from "@stdlib/stats-base-dists-normal-quantile";
import normalCdf from "@stdlib/stats-base-dists-normal-cdf";
import tCdf from "@stdlib/stats-base-dists-t-cdf";
import tQuantile from "@stdlib/stats-base-dists-t-quantile";
import { checkLevel, noInterval, type Estimate, type Interval, type IntervalMethod } from "./interval.js";

/** The values that a statistic can take. */
export type Range = readonly [low: number, high: number] | "positive" | "unbounded";

/** A statistic of these subjects, and how it would vary with other subjects. */
export interface Sampled {
  value: number;
  range: Range;
  /** NaN where it is unknown; 0 where the statistic never varies */
  standardError: number;
  /**
   * for a statistic between two bounds: number of independent trials of a share that varies as much; NaN where it never
   * varies
   */
  trials: number;
  /** of the t distribution that the standard error requires; Infinity where the variance follows from the value */
  degreesOfFreedom: number;
  method: IntervalMethod;
  /** for a mean of shares of different subjects: these shares, whose bounds give those of the mean */
  shares?: readonly Sampled[];
}

type Bounds = [low: number, high: number];

export function intervalOf(sampled: Sampled, level: number): Interval {
  checkLevel(level);
  const bounds = boundsAt(sampled, quantileOf((1 + level) / 2, sampled.degreesOfFreedom));
  if (bounds === undefined) return noInterval(level);
  return { low: bounds[0], high: bounds[1], level, method: sampled.method };
}

export function estimateOf(sampled: Sampled, level: number): Estimate {
  return { value: sampled.value, interval: intervalOf(sampled, level) };
}

/** The bounds at z standard errors. */
function boundsAt({ value, range, standardError, trials, shares }: Sampled, z: number): Bounds | undefined {
  if (shares !== undefined) return meanBounds(shares, z);
  if (range === "unbounded" || range === "positive") {
    if (!(standardError > 0)) return undefined;
    if (range === "unbounded") return [value - z * standardError, value + z * standardError];
    const factor = Math.exp((z * standardError) / value);
    return value > 0 ? [value / factor, value * factor] : undefined;
  }
  if (!(trials > 0)) return undefined;
  const [lowest, highest] = range;
  const width = highest - lowest;
  const [low, high] = wilsonBounds((value - lowest) / width, trials, z);
  return [lowest + width * low, lowest + width * high];
}

/** MOVER: the distances to the bounds of independent shares add up as standard errors do. */
function meanBounds(shares: readonly Sampled[], z: number): Bounds | undefined {
  let [value, below, above] = [0, 0, 0];
  for (const share of shares) {
    const bounds = boundsAt(share, z);
    if (bounds === undefined) return undefined;
    value += share.value;
    below += (share.value - bounds[0]) ** 2;
    above += (bounds[1] - share.value) ** 2;
  }
  const mean = (sum: number) => sum / shares.length;
  return [mean(value) - mean(Math.sqrt(below)), mean(value) + mean(Math.sqrt(above))];
}

/**
 * The mean of shares of different subjects, such as the recalls of the classes. Zou & Donner, Stat. Med. 27 (2008) 1693;
 * degrees of freedom: Satterthwaite, Biometrics Bull. 2 (1946) 110.
 */
export function sampledMeanOfShares(shares: readonly Sampled[]): Sampled {
  const mean = (sum: number) => sum / shares.length;
  return {
    value: mean(shares.reduce((sum, { value }) => sum + value, 0)),
    range: [0, 1],
    standardError: mean(Math.sqrt(shares.reduce((sum, { standardError }) => sum + standardError ** 2, 0))),
    trials: Number.NaN,
    degreesOfFreedom: pooledDegrees(shares),
    method: "wilson, combined",
    shares,
  };
}

/** The variance of a share is taken from its interval, as that of a share of 1 would otherwise be 0. */
function pooledDegrees(shares: readonly Sampled[]): number {
  let [variance, squares] = [0, 0];
  for (const share of shares) {
    const [low, high] = boundsAt(share, 1) ?? [share.value, share.value];
    const ofShare = ((high - low) / 2) ** 2;
    variance += ofShare;
    squares += ofShare ** 2 / share.degreesOfFreedom;
  }
  return squares > 0 ? variance ** 2 / squares : Infinity;
}

/** Wilson score interval. @param trials need not be a whole number */
export function wilsonBounds(share: number, trials: number, z: number): Bounds {
  const spread = (z * z) / trials;
  const centre = (share + spread / 2) / (1 + spread);
  const half =
    (z / (1 + spread)) * Math.sqrt(Math.max(0, share * (1 - share)) / trials + spread / (4 * trials));
  return [share <= 0 ? 0 : Math.max(0, centre - half), share >= 1 ? 1 : Math.min(1, centre + half)];
}

export function quantileOf(p: number, degreesOfFreedom: number): number {
  return Number.isFinite(degreesOfFreedom) ? tQuantile(p, degreesOfFreedom) : normalQuantile(p, 0, 1);
}

/** The first minus the second, with its interval and its p-value. */
export interface SampledDifference {
  difference: Estimate;
  /** two-sided: one minus the level of the interval that just reaches 0, so that test and interval agree */
  p: number;
}

/**
 * Newcombe, Stat. Med. 17 (1998) 2635, for paired shares; for any statistics that have intervals: Zou & Donner,
 * Stat. Med. 27 (2008) 1693, with correlation Zou, Psychol. Methods 12 (2007) 399.
 * @param correlation of the two statistics over samples of subjects; 0 for different subjects
 * @returns no interval where one of the two has no standard error; p NaN then
 */
export function differenceOf(
  first: Sampled,
  second: Sampled,
  correlation: number,
  level: number,
): SampledDifference {
  checkLevel(level);
  const value = first.value - second.value;
  const degreesOfFreedom = Math.min(first.degreesOfFreedom, second.degreesOfFreedom);
  const at = (z: number) => differenceBounds(first, second, correlation, z);
  const bounds = at(quantileOf((1 + level) / 2, degreesOfFreedom));
  if (bounds === undefined) return { difference: { value, interval: noInterval(level) }, p: Number.NaN };
  const interval: Interval = { low: bounds[0], high: bounds[1], level, method: "newcombe" };
  const z = reach(value, at);
  const tail = Number.isFinite(degreesOfFreedom) ? tCdf(-z, degreesOfFreedom) : normalCdf(-z, 0, 1);
  return { difference: { value, interval }, p: Math.min(1, 2 * tail) };
}

function differenceBounds(
  first: Sampled,
  second: Sampled,
  correlation: number,
  z: number,
): Bounds | undefined {
  const [firstBounds, secondBounds] = [boundsAt(first, z), boundsAt(second, z)];
  const [a, b] = [firstBounds ?? pointOf(first), secondBounds ?? pointOf(second)];
  if (a === undefined || b === undefined || (firstBounds ?? secondBounds) === undefined) return undefined;
  const value = first.value - second.value;
  const join = (x: number, y: number) => Math.sqrt(Math.max(0, x * x + y * y - 2 * correlation * x * y));
  return [
    value - join(first.value - a[0], b[1] - second.value),
    value + join(a[1] - first.value, second.value - b[0]),
  ];
}

/** A statistic that never varies equals its bounds. */
function pointOf({ value, standardError }: Sampled): Bounds | undefined {
  return standardError === 0 ? [value, value] : undefined;
}

/** Beyond this number of standard errors, every p-value is 0 in double precision. */
const FARTHEST = 40;

/** The z at which the interval just reaches 0, by bisection: the bounds move outwards with z. */
function reach(value: number, at: (z: number) => Bounds | undefined): number {
  let [inside, outside] = [0, FARTHEST];
  const excludes = (z: number) => {
    const [low, high] = at(z)!;
    return value > 0 ? low > 0 : high < 0;
  };
  if (value === 0) return 0;
  if (excludes(outside)) return outside;
  for (let step = 0; step < 60; step++) {
    const middle = (inside + outside) / 2;
    if (excludes(middle)) inside = middle;
    else outside = middle;
  }
  return (inside + outside) / 2;
}
