/** Intervals of a proportion. */
import betaQuantile from "@stdlib/stats-base-dists-beta-quantile";
import normalQuantile from "@stdlib/stats-base-dists-normal-quantile";
import { RangeOfParameterError, ShapeError } from "../errors.js";
import { checkLevel, noInterval, type Interval } from "./interval.js";

function checkCounts(successes: number, trials: number, level: number): void {
  checkLevel(level);
  if (!(successes >= 0 && successes <= trials && Number.isFinite(trials)))
    throw new RangeOfParameterError("successes", `a number 0..${trials} (trials)`, String(successes));
}

/**
 * Wilson score interval of a proportion; trials must be independent (one volume a subject).
 * Wilson, J. Am. Stat. Assoc. 22 (1927) 209.
 * @returns no interval where there are no trials
 * @throws RangeOfParameterError unless 0 <= successes <= trials and 0 < level < 1
 */
export function wilson(successes: number, trials: number, level = 0.95): Interval {
  checkCounts(successes, trials, level);
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

/**
 * Clopper-Pearson ("exact") interval of a proportion: its coverage is never below the level, so it is wider than
 * Wilson's. For claims that must not be too bold; trials must be independent.
 * Clopper & Pearson, Biometrika 26 (1934) 404.
 * @returns no interval where there are no trials   @throws RangeOfParameterError as wilson
 */
export function clopperPearson(successes: number, trials: number, level = 0.95): Interval {
  checkCounts(successes, trials, level);
  if (trials === 0) return noInterval(level);
  const tail = (1 - level) / 2;
  return {
    low: successes === 0 ? 0 : betaQuantile(tail, successes, trials - successes + 1),
    high: successes === trials ? 1 : betaQuantile(1 - tail, successes + 1, trials - successes),
    level,
    method: "clopper-pearson",
  };
}

/**
 * Wilson's interval where subjects have several volumes: the trials are divided by the design effect, which is how much
 * larger the variance between subjects is than that of independent volumes (never taken below 1). Where all volumes
 * agree the design effect cannot be seen, and the subjects are the trials.
 * Rao & Scott, Biometrics 48 (1992) 577.
 * @param successes of each subject   @param trials volumes of each subject, same length
 * @returns no interval where there are no trials
 * @throws ShapeError where lengths differ, RangeOfParameterError as wilson
 */
export function clusteredWilson(successes: ArrayLike<number>, trials: ArrayLike<number>, level = 0.95): Interval {
  if (successes.length !== trials.length)
    throw new ShapeError("clusteredWilson: trials", `${successes.length} subjects`, String(trials.length));
  let [hits, volumes, subjects] = [0, 0, 0];
  for (let s = 0; s < trials.length; s++) {
    checkCounts(successes[s]!, trials[s]!, level);
    hits += successes[s]!;
    volumes += trials[s]!;
    if (trials[s]! > 0) subjects++;
  }
  if (volumes === 0) return { ...noInterval(level) };
  const p = hits / volumes;
  const effective = p === 0 || p === 1 ? subjects : volumes / designEffect(successes, trials, p, volumes, subjects);
  return { ...wilson(p * effective, effective, level), method: "wilson, clustered" };
}

/** Variance of a ratio estimate between subjects over p (1 - p) / volumes; at least 1. */
function designEffect(
  successes: ArrayLike<number>,
  trials: ArrayLike<number>,
  p: number,
  volumes: number,
  subjects: number,
): number {
  if (subjects === 1) return volumes;
  let squares = 0;
  for (let s = 0; s < trials.length; s++) squares += (successes[s]! - p * trials[s]!) ** 2;
  const variance = ((subjects / (subjects - 1)) * squares) / volumes ** 2;
  return Math.max(1, variance / ((p * (1 - p)) / volumes));
}
