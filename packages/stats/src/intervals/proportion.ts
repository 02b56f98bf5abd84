/** Intervals of a proportion. */
import betaQuantile from "@stdlib/stats-base-dists-beta-quantile";
import { RangeOfParameterError, ShapeError } from "../errors.js";
import { checkLevel, noInterval, type Interval, type IntervalMethod } from "./interval.js";
import { intervalOf, type Sampled } from "./sampled.js";

function checkCounts(successes: number, trials: number, level: number): void {
  checkLevel(level);
  if (!(successes >= 0 && successes <= trials && Number.isFinite(trials)))
    throw new RangeOfParameterError("successes", `a number 0..${trials} (trials)`, String(successes));
}

/**
 * Wilson score interval of a proportion; trials must be independent (one volume per subject).
 * Wilson, J. Am. Stat. Assoc. 22 (1927) 209.
 * @returns no interval where there are no trials
 * @throws RangeOfParameterError unless 0 <= successes <= trials and 0 < level < 1
 */
export function wilson(successes: number, trials: number, level = 0.95): Interval {
  checkCounts(successes, trials, level);
  if (trials === 0) return noInterval(level);
  return intervalOf(shareOf(successes, trials, Infinity, "wilson"), level);
}

function shareOf(
  successes: number,
  trials: number,
  degreesOfFreedom: number,
  method: IntervalMethod,
): Sampled {
  const value = successes / trials;
  const standardError = Math.sqrt((value * (1 - value)) / trials);
  return { value, range: [0, 1], standardError, trials, degreesOfFreedom, method };
}

/**
 * Clopper-Pearson ("exact") interval of a proportion: its coverage is never below the level, so it is wider than
 * Wilson's. Use it for claims that must be conservative; trials must be independent.
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
 * A share of volumes, and how it varies with the subjects. With one volume per subject, the trials are the volumes and
 * the interval is Wilson's. With several volumes per subject, the trials are divided by the design effect: how much
 * larger the variance between subjects is than that of independent volumes (at least 1). Because that variance is
 * itself an estimate, the interval uses the t quantile with one degree of freedom less than there are subjects. Where
 * all volumes agree, the design effect cannot be estimated, and the subjects are the trials. Rao & Scott, Biometrics 48
 * (1992) 577.
 * @param successes of each subject, which need not be whole numbers   @param trials volumes of each subject, same
 *   length
 * @param independent true where no subject of the whole sample has several volumes
 * @throws ShapeError where lengths differ, RangeOfParameterError unless 0 <= successes <= trials
 */
export function sampledShare(
  successes: ArrayLike<number>,
  trials: ArrayLike<number>,
  independent: boolean,
): Sampled {
  if (successes.length !== trials.length)
    throw new ShapeError("sampledShare: trials", `${successes.length} subjects`, String(trials.length));
  let [hits, volumes, subjects] = [0, 0, 0];
  for (let s = 0; s < trials.length; s++) {
    checkCounts(successes[s]!, trials[s]!, 0.5);
    hits += successes[s]!;
    volumes += trials[s]!;
    if (trials[s]! > 0) subjects++;
  }
  if (independent || volumes === 0) return shareOf(hits, volumes, Infinity, "wilson");
  const p = hits / volumes;
  const effective =
    p === 0 || p === 1 ? subjects : volumes / designEffect(successes, trials, p, volumes, subjects);
  return shareOf(p * effective, effective, Math.max(1, subjects - 1), "wilson, clustered");
}

/**
 * Wilson's interval where subjects have several volumes: that of sampledShare.
 * @returns no interval where there are no trials   @throws the errors of sampledShare
 */
export function clusteredWilson(
  successes: ArrayLike<number>,
  trials: ArrayLike<number>,
  level = 0.95,
): Interval {
  return intervalOf(sampledShare(successes, trials, false), level);
}

/** Variance of a ratio estimate between subjects, divided by p (1 - p) / volumes; at least 1. */
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
