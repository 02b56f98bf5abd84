/** Two or more groups on the same folds: their scores fold by fold, by the corrected resampled t-test. */
import {
  correctedResampledTTest,
  defaultBins,
  type Estimate,
  holm,
  metricIndex,
  type MetricName,
  noInterval,
  Scorer,
} from "@slicestack/stats";

import { applies, settings, WITHOUT_INTERVAL, type SummaryOptions } from "../summary-options.js";
import type { Predictions } from "../predictions.js";

/** A member of a group: one training on one fold. */
export interface FoldMember {
  /** Place among the splits; null where the group has one split. */
  fold: number | null;
  splitHash: string;
  trainSubjects: number;
  testSubjects: number;
  /** Of the model that is compared, on the test part of the fold. */
  predictions: Predictions;
}

export interface FoldGroup {
  name: string;
  members: readonly FoldMember[];
}

export interface FoldTest {
  /** Mean over the folds of the first group minus the second, with the interval of the corrected t-test. */
  difference: Estimate;
  /** The difference in each fold, each the mean over its seeds. */
  folds: number[];
  /** Two-sided; NaN where a fold has no value or all folds differ by the same number. */
  p: number;
  /** By Holm over the pairs of one metric. */
  adjusted: number;
}

export interface FoldPair {
  first: string;
  second: string;
  metrics: Partial<Record<MetricName, FoldTest>>;
}

export interface FoldComparison {
  folds: number;
  /** Of a fold, mean over the folds. */
  trainSubjects: number;
  testSubjects: number;
  pairs: FoldPair[];
}

/**
 * Tests whether two recipes differ, and not only these trained models: folds are what is repeated. Seeds of a fold are
 * averaged first, because they share its subjects. See correctedResampledTTest for the variance.
 * @returns null unless all groups have the same splits, two at least
 */
export function compareFolds(
  groups: readonly FoldGroup[],
  metrics: readonly MetricName[],
  options: SummaryOptions,
): FoldComparison | null {
  const hashes = [...new Set(groups[0]!.members.map(({ splitHash }) => splitHash))];
  const shared = groups.every(({ members }) => {
    const own = new Set(members.map(({ splitHash }) => splitHash));
    return own.size === hashes.length && hashes.every((hash) => own.has(hash));
  });
  if (!shared || hashes.length < 2) return null;
  const { ordinal, level } = settings(options);
  const used = metrics.filter((name) => applies(name, ordinal) && !WITHOUT_INTERVAL.includes(name));
  const all = groups.flatMap(({ members }) => members);
  const meanOf = (of: (member: FoldMember) => number) => all.reduce((sum, one) => sum + of(one), 0) / all.length;
  const [trainSubjects, testSubjects] = [meanOf((one) => one.trainSubjects), meanOf((one) => one.testSubjects)];

  const scores = groups.map((group) => hashes.map((hash) => foldScores(group, hash, used, options)));
  const test = (a: number, b: number, k: number): FoldTest => {
    const folds = hashes.map((_, fold) => scores[a]![fold]![k]! - scores[b]![fold]![k]!);
    const { difference, p } = folds.every(Number.isFinite)
      ? correctedResampledTTest(folds, { trainSubjects, testSubjects, level })
      : { difference: { value: Number.NaN, interval: noInterval(level) }, p: Number.NaN };
    return { difference, folds, p, adjusted: Number.NaN };
  };
  const pairs = groups.flatMap((first, a) =>
    groups.slice(a + 1).map((second, k): FoldPair => {
      const found = used.map((name, i) => [name, test(a, a + 1 + k, i)] as const);
      return { first: first.name, second: second.name, metrics: Object.fromEntries(found) };
    }),
  );
  for (const name of used) {
    const adjusted = holm(pairs.map((pair) => pair.metrics[name]!.p));
    pairs.forEach((pair, i) => (pair.metrics[name]!.adjusted = adjusted[i]!));
  }
  return { folds: hashes.length, trainSubjects, testSubjects, pairs };
}

/** The metrics of a fold, each the mean over the seeds that were trained on it. */
function foldScores(
  { members }: FoldGroup,
  splitHash: string,
  metrics: readonly MetricName[],
  options: SummaryOptions,
): number[] {
  const own = members.filter((member) => member.splitHash === splitHash);
  const sums = metrics.map(() => 0);
  for (const { predictions } of own) {
    const scorer = new Scorer(predictions, options.classes.length, defaultBins(predictions.labels.length));
    const scores = new Float64Array(scorer.count);
    scorer.score(new Float64Array(predictions.labels.length).fill(1), scores);
    metrics.forEach((name, k) => (sums[k]! += scores[metricIndex(name)]! / own.length));
  }
  return sums;
}
