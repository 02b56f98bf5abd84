/**
 * Derives the interval of a statistic, and the interval and test of a difference, from how the statistics vary with the
 * subjects. The same rule holds for every number of an evaluation, however many volumes a subject has:
 *
 * - a number between two bounds (accuracy, AUROC, kappa) has the Wilson interval of a share with the number of trials
 *   that gives the same standard error. For a share of independent volumes this is the usual Wilson interval;
 * - a loss, which has no upper bound, has a t interval on the logarithmic scale;
 * - any other number has a t interval.
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
function boundsAt({ value, range, standardError, trials }: Sampled, z: number): Bounds | undefined {
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

/** Wilson score interval. @param trials need not be a whole number */
export function wilsonBounds(share: number, trials: number, z: number): Bounds {
  const spread = (z * z) / trials;
  const centre = (share + spread / 2) / (1 + spread);
  const half = (z / (1 + spread)) * Math.sqrt(Math.max(0, share * (1 - share)) / trials + spread / (4 * trials));
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
export function differenceOf(first: Sampled, second: Sampled, correlation: number, level: number): SampledDifference {
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

function differenceBounds(first: Sampled, second: Sampled, correlation: number, z: number): Bounds | undefined {
  const [firstBounds, secondBounds] = [boundsAt(first, z), boundsAt(second, z)];
  const [a, b] = [firstBounds ?? pointOf(first), secondBounds ?? pointOf(second)];
  if (a === undefined || b === undefined || (firstBounds ?? secondBounds) === undefined) return undefined;
  const value = first.value - second.value;
  const join = (x: number, y: number) => Math.sqrt(Math.max(0, x * x + y * y - 2 * correlation * x * y));
  return [value - join(first.value - a[0], b[1] - second.value), value + join(a[1] - first.value, second.value - b[0])];
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
