/** The members of a group as people read them: each one's scores, mean and SD, and what the common numbers are of. */
import type { MetricName, RunSpread } from "@slicestack/stats";
import { alignedTable, formatEstimate, formatNumber } from "../page/format.js";
import { headlineMetrics, METRIC_NAMES, modelName, SHORT_NAMES } from "../evaluate/metric-names.js";
import type { ModelSummary } from "../evaluate/summary.js";
import type { Combination } from "../evaluate/group/ensemble.js";

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

/** What the numbers of all members together are of. */
export function combinationText({ combination: { kind, membersPerVolume: each }, rows }: MembersInput): string {
  const all = rows.length;
  if (kind === "mean")
    return `The numbers are of the ensemble: each volume's probabilities are the mean over ${all === 1 ? "the one member" : `the ${all} members`}.`;
  const said = each === 1 ? "the one member" : `the mean of the ${each} members`;
  return `The numbers are of the out-of-fold predictions: each volume once, by ${said} that had it in the test part, and neither trained nor chose an epoch on it.`;
}

const SPREAD: { name: string; of: (spread: RunSpread) => number }[] = [
  { name: "mean", of: ({ mean }) => mean },
  { name: "SD", of: ({ standardDeviation }) => standardDeviation },
];

/** A row for each member, then mean and SD, under the headline metrics. */
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
    spread: SPREAD.map(({ name, of }) => [name, ...metrics.map((metric) => formatNumber(of(spread[metric])))]),
  };
}

/** For the terminal. */
export function membersTable(input: MembersInput): string {
  const { metrics, members, spread } = memberRows(input);
  const { model } = input.rows[0]!.summary;
  const head = [`${modelName(model)} of`, ...metrics.map((name) => SHORT_NAMES[name] ?? METRIC_NAMES[name])];
  return `${alignedTable([head, ...members, ...spread], [members.length])}\n${combinationText(input)}`;
}
