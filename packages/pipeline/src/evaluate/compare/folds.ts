/** Compares two or more groups on the same folds, fold by fold, by the corrected resampled t-test. */
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
  /** Index among the splits; null if the group has one split. */
  fold: number | null;
  splitHash: string;
  trainSubjects: number;
  testSubjects: number;
  /** Predictions of the compared model on the test part of the fold. */
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
  /** Two-sided; NaN if a fold has no value or all folds differ by the same number. */
  p: number;
  /** Holm's adjustment over the pairs of one metric. */
  adjusted: number;
}

export interface FoldPair {
  first: string;
  second: string;
  metrics: Partial<Record<MetricName, FoldTest>>;
}

export interface FoldComparison {
  folds: number;
  /** Per fold, mean over the folds. */
  trainSubjects: number;
  testSubjects: number;
  pairs: FoldPair[];
}

/**
 * Tests whether two configurations differ, and not only these trained models: folds are the repetitions. Seeds of a fold
 * are averaged first, because they share its subjects. See correctedResampledTTest for the variance.
 * @returns null unless all groups have the same splits, at least two
 */
export function compareFolds(
  groups: readonly FoldGroup[],
  metrics: readonly MetricName[],
  options: SummaryOptions,
): FoldComparison | null {
  const hashes = [...new Set(groups[0]!.members.map(({ splitHash }) => splitHash))];
  const shared = groups.every(({ members }) => {
    const groupHashes = new Set(members.map(({ splitHash }) => splitHash));
    return groupHashes.size === hashes.length && hashes.every((hash) => groupHashes.has(hash));
  });
  if (!shared || hashes.length < 2) return null;
  const { ordinal, level } = settings(options);
  const used = metrics.filter((name) => applies(name, ordinal) && !WITHOUT_INTERVAL.includes(name));
  const all = groups.flatMap(({ members }) => members);
  const meanOf = (of: (member: FoldMember) => number) =>
    all.reduce((sum, member) => sum + of(member), 0) / all.length;
  const [trainSubjects, testSubjects] = [
    meanOf((member) => member.trainSubjects),
    meanOf((member) => member.testSubjects),
  ];

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
      const tests = used.map((name, i) => [name, test(a, a + 1 + k, i)] as const);
      return { first: first.name, second: second.name, metrics: Object.fromEntries(tests) };
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
  const foldMembers = members.filter((member) => member.splitHash === splitHash);
  const sums = metrics.map(() => 0);
  for (const { predictions } of foldMembers) {
    const scorer = new Scorer(predictions, options.classes.length, defaultBins(predictions.labels.length));
    const scores = new Float64Array(scorer.count);
    scorer.score(new Float64Array(predictions.labels.length).fill(1), scores);
    metrics.forEach((name, k) => (sums[k]! += scores[metricIndex(name)]! / foldMembers.length));
  }
  return sums;
}
