/** Intervals of a proportion. */
import normalQuantile from "@stdlib/stats-base-dists-normal-quantile";
import { RangeOfParameterError } from "../errors.js";
import { checkLevel, noInterval, type Interval } from "./interval.js";

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
