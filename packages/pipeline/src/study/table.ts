/** The one table of an ablation, in Markdown, with all that is needed to make it again. */
import type { DatasetInfo } from "../data/store.js";
import type { Split } from "../data/split/split.js";
import type { RepeatedComparison, RepeatedSummary } from "../evaluate/compare/repeated.js";
import type { MetricName } from "../evaluate/metrics/scorer.js";
import type { Estimate } from "../evaluate/statistics/interval.js";
import { METRIC_NAMES, SHORT_NAMES } from "../evaluate/report/tables.js";
import type { Ablation } from "./file.js";

/** What a table is about, and how it came to be. */
export interface Provenance {
  ablation: Ablation;
  part: "val" | "test";
  dataset: DatasetInfo;
  splits: readonly Split[];
  comparison: RepeatedComparison;
  command: string;
}

export interface TableFacts extends Provenance {
  /** Of training, mean over the runs, one entry a variant. */
  minutes: readonly number[];
}

export function ablationTable(facts: TableFacts): string {
  const { ablation, comparison, command } = facts;
  const metrics = ablation.metrics.filter((name) => comparison.methods[0]!.metrics[name] !== undefined);
  return [
    `# ${ablation.name}`,
    provenance(facts),
    markdown(
      ["", ...metrics.flatMap((name) => [short(name), `of the seeds' mean`]), "minutes"],
      comparison.methods.map((method, k) => methodRow(method, metrics, facts.minutes[k])),
    ),
    "Mean ± SD over seeds, [95 % interval] of the mean over subjects (stratified BCa bootstrap); then the score of the seeds' mean probabilities. Minutes of training, mean over the runs, on the machine that ran it.",
    `Paired differences, ${ablation.main} minus the other (mean over seeds, 95 % interval over subjects, two-sided p, not adjusted):`,
    markdown(
      ["", ...metrics.map(short)],
      comparison.differences.map(({ first, second, metrics: found }) => [
        `${first} − ${second}`,
        ...metrics.map((name) => differenceCell(found[name])),
      ]),
    ),
    "Variants, by the keys in which they differ from the shared configuration:",
    settingsTable(ablation),
    `Made by: \`${command}\``,
  ]
    .join("\n\n")
    .concat("\n");
}

export function settingsTable({ settings, variants }: Ablation): string {
  const said = (overrides: Readonly<Record<string, string>>) =>
    Object.entries(overrides)
      .map(([key, value]) => `\`${key}: ${value.replaceAll("|", "\\|")}\``)
      .join(" ");
  const all = said(settings);
  return markdown(
    ["", "settings"],
    [
      ...(all === "" ? [] : [["all", all]]),
      ...variants.map(({ name, overrides }) => [name, said(overrides) || "as shared"]),
    ],
  );
}

export function provenance({ ablation, part, dataset, splits, comparison }: Provenance): string {
  const how =
    splits.length === 1
      ? `${splits[0]!.origin === "official" ? "the official split" : "one split"} (${splits[0]!.hash.slice(0, 12)})`
      : `${splits.length} folds, each scored by models that did not see it`;
  const { volumes, subjects } = comparison;
  return (
    `Part ${part} of ${dataset.name} (${dataset.hash.slice(0, 12)}): ${volumes} volumes of ${subjects} subjects, ${how}; ` +
    `seeds ${ablation.seeds.join(", ")}.`
  );
}

function methodRow(method: RepeatedSummary, metrics: readonly MetricName[], minutes: number | undefined): string[] {
  const cells = metrics.flatMap((name) => {
    const { mean, sd } = method.metrics[name]!;
    const spread = Number.isNaN(sd) ? "" : ` ± ${number(sd)}`;
    const ensemble = method.seeds > 1 ? number(method.ensemble[name]!) : "";
    return [`${number(mean.value)}${spread} ${interval(mean, number)}`, ensemble];
  });
  return [method.name, ...cells, minutes === undefined || Number.isNaN(minutes) ? "" : minutes.toFixed(1)];
}

export const short = (name: MetricName): string => SHORT_NAMES[name] ?? METRIC_NAMES[name];
export const number = (value: number): string => (Number.isNaN(value) ? "–" : value.toFixed(3));
const signed = (value: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
/** "+0.051 [+0.010, +0.092], p 0.013", or a dash where there is none. */
export const differenceCell = (one: { difference: Estimate; p: number } | undefined): string =>
  one === undefined ? "–" : `${signed(one.difference.value)} ${interval(one.difference, signed)}, p ${pText(one.p)}`;
const pText = (p: number): string => (p < 0.001 ? "< 0.001" : p.toFixed(3));

export function interval({ interval: { low, high } }: Estimate, text: (value: number) => string): string {
  return Number.isNaN(low) || Number.isNaN(high) ? "" : `[${text(low)}, ${text(high)}]`;
}

export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
