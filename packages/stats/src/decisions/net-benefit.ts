/**
 * Decision curve: is it worth acting on the model at all, for somebody who acts at a probability of t or more?
 * Vickers & Elkin, Med. Decis. Making 26 (2006) 565.
 */
import { RangeOfParameterError, ShapeError } from "../errors.js";
import { checkScored, type Scored } from "../metrics/check.js";
import {
  groupSubjects,
  resampleSubjects,
  sampledOf,
  seededRandom,
  type WeightedStatistics,
} from "../intervals/bootstrap.js";
import type { Estimate } from "../intervals/interval.js";
import { estimateOf } from "../intervals/sampled.js";

export interface DecisionCurve {
  /** probability from which a volume is called positive */
  threshold: number[];
  /** of acting on the model, per volume, in true positives */
  model: Estimate[];
  /** of acting on every volume */
  treatAll: number[];
  /** of acting on none: 0 everywhere */
  treatNone: number[];
  /** model minus the better of all and none: the model helps where it is above 0 */
  gain: Estimate[];
}

/** 0.01 to 0.99. */
export const DEFAULT_THRESHOLDS: readonly number[] = Array.from({ length: 99 }, (_, i) => (i + 1) / 100);

/**
 * Net benefit TP/n - FP/n · t/(1 - t) of a binary task. Only thresholds at which somebody would in fact act are
 * meaningful. The prevalence of the sample must be that of the clinic, and the probabilities must be calibrated.
 * @param positive the class that is acted on, 1 by default
 * @throws ShapeError unless there are two classes, RangeOfParameterError for thresholds that are not strictly between 0
 *   and 1; the errors of checkScored
 */
export function decisionCurve(
  scored: Scored,
  options: {
    seed: number;
    positive?: 0 | 1;
    thresholds?: readonly number[];
    resamples?: number;
    level?: number;
  },
): DecisionCurve {
  const { seed, positive = 1, thresholds = DEFAULT_THRESHOLDS, resamples, level = 0.95 } = options;
  const classes = checkScored(scored);
  if (classes !== 2) throw new ShapeError("decisionCurve", "2 classes", String(classes));
  const bad = thresholds.find((t) => !(t > 0 && t < 1));
  if (bad !== undefined)
    throw new RangeOfParameterError("thresholds", "numbers between 0 and 1", String(bad));
  const count = thresholds.length;
  const resampled = resampleSubjects(
    netBenefits(scored, positive, thresholds),
    3 * count,
    groupSubjects(scored.subjects),
    {
      random: seededRandom(seed),
      ...(resamples === undefined ? {} : { resamples }),
    },
  );
  const estimate = (k: number): Estimate => estimateOf(sampledOf(resampled, k, "unbounded"), level);
  return {
    threshold: [...thresholds],
    model: thresholds.map((_, k) => estimate(k)),
    treatAll: thresholds.map((_, k) => resampled.estimate[count + k]!),
    treatNone: thresholds.map(() => 0),
    gain: thresholds.map((_, k) => estimate(2 * count + k)),
  };
}

/** Net benefit of the model, then of treating all, then the gain over the better of all and none, at each threshold. */
function netBenefits(
  { labels, probabilities }: Scored,
  positive: number,
  thresholds: readonly number[],
): WeightedStatistics {
  const count = thresholds.length;
  // Counts the thresholds that each volume reaches, so that one pass over the volumes serves all thresholds.
  const ascending = [...thresholds.keys()].sort((a, b) => thresholds[a]! - thresholds[b]!);
  const reached = Int32Array.from(
    probabilities,
    (row) => ascending.filter((k) => row[positive]! >= thresholds[k]!).length,
  );
  const hits = new Float64Array(count + 1);
  const alarms = new Float64Array(count + 1);
  return (weights, out) => {
    hits.fill(0);
    alarms.fill(0);
    for (let i = 0; i < reached.length; i++)
      (labels[i] === positive ? hits : alarms)[reached[i]!]! += weights[i]!;
    let positives = hits.reduce((a, b) => a + b, 0);
    let negatives = alarms.reduce((a, b) => a + b, 0);
    const [allPositives, total] = [positives, positives + negatives];
    ascending.forEach((k, step) => {
      positives -= hits[step]!;
      negatives -= alarms[step]!;
      const odds = thresholds[k]! / (1 - thresholds[k]!);
      const [model, all] = [positives - negatives * odds, allPositives - (total - allPositives) * odds];
      out[k] = model / total;
      out[count + k] = all / total;
      out[2 * count + k] = (model - Math.max(0, all)) / total;
    });
  };
}
