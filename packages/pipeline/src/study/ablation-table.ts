/** The tables of an ablation, with all that is needed to reproduce them. */
import type { MetricName } from "@slicestack/stats";
import type { DatasetInfo } from "../data/store.js";
import type { Split } from "../data/split/split.js";
import type {
  RepeatedComparison,
  RepeatedDifference,
  RepeatedMetric,
  RepeatedSummary,
} from "../evaluate/compare/repeated.js";
import { POOLED_FOLDS } from "../evaluate/group/ensemble.js";
import { formatEstimate, formatNumber, formatP, formatSigned } from "../page/format.js";
import { METRIC_NAMES, SHORT_NAMES } from "../evaluate/metric-names.js";
import type { Block, StudyTable } from "../report/render-blocks.js";
import type { Ablation } from "./ablation-file.js";

/** The subject of a table, and how it was created. */
export interface Provenance {
  ablation: Ablation;
  part: "val" | "test";
  dataset: DatasetInfo;
  splits: readonly Split[];
  comparison: RepeatedComparison;
  command: string;
}

export interface TableFacts extends Provenance {
  /** Duration of training, mean over the runs, one entry per variant. */
  minutes: readonly number[];
}

export function ablationBlocks(facts: TableFacts): Block[] {
  const { comparison, command } = facts;
  return [
    { text: provenance(facts) },
    ...comparison.warnings.map((note) => ({ note })),
    { table: scoreTable(facts) },
    { table: differenceTable(facts) },
    { table: settingsTable(facts.ablation) },
    { command },
  ];
}

function scoreTable({ ablation, comparison, minutes }: TableFacts): StudyTable {
  const metrics = shownMetrics(ablation, comparison);
  return {
    label: "scores",
    title: "Scores",
    caption:
      "Mean ± SD over seeds, [95 % interval] of the mean over subjects by the bootstrap. ‘Of the mean’ is the score of " +
      "the seeds' mean probabilities. Minutes of training are the mean over the runs, on the machine that ran them.",
    columns: ["method", ...metrics.flatMap((name) => [short(name), "of the mean"]), "minutes"],
    rows: comparison.methods.map((method, k) => methodRow(method, metrics, minutes[k])),
  };
}

function differenceTable({ ablation, comparison: { differences, ...comparison } }: TableFacts): StudyTable {
  const metrics = shownMetrics(ablation, comparison);
  return {
    label: "differences",
    title: "Paired differences",
    caption:
      `${ablation.main} minus the other variant: mean over seeds, [95 % interval] over subjects; two-sided p, adjusted by Holm ` +
      `over the ${differences.length} differences of a metric.`,
    columns: ["difference", ...metrics.map(short)],
    rows: differences.map((one) => [
      `${one.first} − ${one.second}`,
      ...metrics.map((name) => differenceCell(one.metrics[name])),
    ]),
  };
}

export function settingsTable({ settings, variants }: Ablation): StudyTable {
  const settingsText = (overrides: Readonly<Record<string, string>>) =>
    Object.entries(overrides)
      .map(([key, value]) => `${key}: ${value}`)
      .join(", ");
  const all = settingsText(settings);
  return {
    label: "settings",
    title: "Variants",
    caption: "The keys in which they differ from the shared configuration.",
    columns: ["variant", "settings"],
    rows: [
      ...(all === "" ? [] : [["all", all]]),
      ...variants.map(({ name, overrides }) => [name, settingsText(overrides) || "as shared"]),
    ],
  };
}

export function provenance({ ablation, part, dataset, splits, comparison }: Provenance): string {
  const how =
    splits.length === 1
      ? `${splits[0]!.origin === "official" ? "the official split" : "one split"} (${splits[0]!.hash.slice(0, 12)})`
      : `${splits.length} folds, each scored by models that did not see it`;
  const { volumes, subjects } = comparison;
  return (
    `Part ${part} of ${dataset.name} (${dataset.hash.slice(0, 12)}): ${volumes} volumes of ${subjects} subjects, ${how}; ` +
    `seeds ${ablation.seeds.join(", ")}.${splits.length === 1 ? "" : ` ${POOLED_FOLDS}`}`
  );
}

function methodRow(
  method: RepeatedSummary,
  metrics: readonly MetricName[],
  minutes: number | undefined,
): string[] {
  const cells = metrics.flatMap((name) => {
    const ensemble = method.seeds > 1 ? formatNumber(method.ensemble[name]!) : "–";
    return [scoreCell(method.metrics[name]!), ensemble];
  });
  return [method.name, ...cells, minutes === undefined || Number.isNaN(minutes) ? "–" : minutes.toFixed(1)];
}

/** The metrics of the ablation that apply to its classes. */
export const shownMetrics = (
  { metrics }: Ablation,
  { methods }: Pick<RepeatedComparison, "methods">,
): MetricName[] => metrics.filter((name) => methods[0]!.metrics[name] !== undefined);

export const short = (name: MetricName): string => SHORT_NAMES[name] ?? METRIC_NAMES[name];

/** "0.87 ± 0.012 [0.83, 0.91]"; without SD for one seed. */
export function scoreCell({ mean, sd }: RepeatedMetric): string {
  if (Number.isNaN(sd)) return formatEstimate(mean);
  return formatEstimate(mean).replace(/^(\S+)/, `$1 ± ${formatNumber(sd, sd < 0.1 ? 3 : 2)}`);
}

/** "+0.05 [+0.01, +0.09], p 0.013", or a dash where there is none. */
export function differenceCell(one: RepeatedDifference["metrics"][MetricName]): string {
  if (one === undefined) return "–";
  return `${formatEstimate(one.difference, formatSigned)}, p ${formatP(one.adjusted)}`;
}
