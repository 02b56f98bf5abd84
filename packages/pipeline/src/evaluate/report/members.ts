/** The members of a group in its report and on the terminal: each one's scores, mean and SD, and what is put together. */
import type { Combination } from "../group/ensemble.js";
import type { MetricName } from "../metrics/scorer.js";
import type { RunSpread } from "../statistics/runs.js";
import type { ModelSummary } from "../summary.js";
import { html, table, type Html } from "./html.js";
import { cell, columnOf } from "./sections.js";
import { alignedTable, formatEstimate, formatNumber, headlineMetrics, METRIC_NAMES, modelName, SHORT_NAMES } from "./tables.js"; // prettier-ignore

export interface MembersInput {
  /** "5 folds x 3 seeds" */
  words: string;
  /** Of the part that the report is about. */
  combination: Combination;
  /** The main model of each member on that part. */
  rows: { name: string; summary: ModelSummary }[];
  /** Of the main model over the members. */
  spread: Record<MetricName, RunSpread>;
}

/** What the numbers of the report are of. */
export function combinationText({ combination: { kind, membersPerVolume: each }, rows }: MembersInput): string {
  const all = rows.length;
  if (kind === "mean")
    return `The numbers are of the ensemble: each volume’s probabilities are the mean over ${all === 1 ? "the one member" : `the ${all} members`}.`;
  const said = each === 1 ? "the one member" : `the mean of the ${each} members`;
  return `The numbers are of the out-of-fold predictions: each volume once, by ${said} that had it in the test part, and neither trained nor chose an epoch on it.`;
}

const SPREAD_TEXT =
  "The SD is of a member, not of the mean, and it is no interval: members share subjects, in training or in test. " +
  "“–” where a member has no value, as where a class is absent from its test part.";

export function membersSection(input: MembersInput): Html {
  const first = input.rows[0]!.summary;
  const metrics = headlineMetrics(first);
  const members = input.rows.map(({ name, summary }) => ({ name, cells: metrics.map((metric) => cell(summary.metrics[metric])) })); // prettier-ignore
  const spread = SPREAD_ROWS.map(({ name, of }) => ({
    name,
    main: true,
    cells: metrics.map((metric) => formatNumber(of(input.spread[metric]))),
  }));
  const level = Math.round(100 * first.bootstrap.level);
  const caption = `${modelName(first.model)} of each member on its test part: estimate and ${level} % interval.`;
  return html`<p>${input.words}. ${combinationText(input)}</p>
    ${table(caption, [{ name: "member" }, ...metrics.map(columnOf)], [...members, ...spread])}
    <p class="soft small">${SPREAD_TEXT} Each member’s folder has its own report, curves and slices.</p> `;
}

const SPREAD_ROWS: { name: string; of: (spread: RunSpread) => number }[] = [
  { name: "mean", of: ({ mean }) => mean },
  { name: "SD", of: ({ standardDeviation }) => standardDeviation },
];

/** The same for the terminal. */
export function membersTable(input: MembersInput): string {
  const first = input.rows[0]!.summary;
  const metrics = headlineMetrics(first);
  const head = [`${modelName(first.model)} of`, ...metrics.map((name) => SHORT_NAMES[name] ?? METRIC_NAMES[name])];
  const members = input.rows.map(({ name, summary }) => [name, ...metrics.map((metric) => formatEstimate(summary.metrics[metric]))]); // prettier-ignore
  const spread = SPREAD_ROWS.map(({ name, of }) => [name, ...metrics.map((metric) => formatNumber(of(input.spread[metric])))]); // prettier-ignore
  return `${alignedTable([head, ...members, ...spread], [members.length])}\n${combinationText(input)}`;
}
