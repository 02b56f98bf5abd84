/** Texts on the members of a group: scores of each member, mean and SD, and what the joint numbers are based on. */
import type { MetricName, RunSpread } from "@slicestack/stats";
import { alignedTable, formatEstimate, formatNumber } from "../page/format.js";
import { headlineMetrics, METRIC_NAMES, modelName, SHORT_NAMES } from "../evaluate/metric-names.js";
import type { ModelSummary } from "../evaluate/summary.js";
import { POOLED_FOLDS, type Combination } from "../evaluate/group/ensemble.js";

export interface MembersInput {
  /** "5 folds x 3 seeds" */
  words: string;
  /** Of the test part. */
  combination: Combination;
  /** The main model of each member on its test part. */
  rows: { name: string; summary: ModelSummary }[];
  /** Of the main model over the members. */
  spread: Record<MetricName, RunSpread>;
}

/** What the numbers of all members together are based on. */
export function combinationText({
  combination: { kind, membersPerVolume: membersEach },
  rows,
}: MembersInput): string {
  const all = rows.length;
  if (kind === "mean")
    return `The numbers are those of the ensemble: each volume's probabilities are the mean over ${all === 1 ? "one member" : `the ${all} members`}.`;
  const predictors = membersEach === 1 ? "one member" : `the mean of the ${membersEach} members`;
  return `The numbers are those of the out-of-fold predictions: each volume is predicted once, by ${predictors} with the volume in the test part, without use of it for training or for choosing the epoch. ${POOLED_FOLDS}`;
}

const SPREAD: { name: string; of: (spread: RunSpread) => number }[] = [
  { name: "mean", of: ({ mean }) => mean },
  { name: "SD", of: ({ standardDeviation }) => standardDeviation },
];

/** One row per member, then mean and SD; columns are the headline metrics. */
export function memberRows({ rows, spread }: MembersInput): {
  metrics: MetricName[];
  members: string[][];
  spread: string[][];
} {
  const metrics = headlineMetrics(rows[0]!.summary);
  return {
    metrics,
    members: rows.map(({ name, summary }) => [
      name,
      ...metrics.map((metric) => formatEstimate(summary.metrics[metric])),
    ]),
    spread: SPREAD.map(({ name, of }) => [
      name,
      ...metrics.map((metric) => formatNumber(of(spread[metric]))),
    ]),
  };
}

/** For the terminal. */
export function membersTable(input: MembersInput): string {
  const { metrics, members, spread } = memberRows(input);
  const { model } = input.rows[0]!.summary;
  const head = [`${modelName(model)} of`, ...metrics.map((name) => SHORT_NAMES[name] ?? METRIC_NAMES[name])];
  return `${alignedTable([head, ...members, ...spread], [members.length])}\n${combinationText(input)}`;
}
