/** The tables of a report for a manuscript: Markdown, and LaTeX (booktabs). */
import type { Estimate, MetricName } from "@slicestack/stats";
import { visible } from "../page/visible.js";
import { headlines } from "../evaluate/analysis/headlines.js";
import { LATEX_PACKAGES, latexTable, type LatexTable } from "../page/latex.js";
import type { ReportInput } from "./report-input.js";
import { CLASS_COLUMNS, classEstimates } from "./sections/errors.js";
import { METRIC_NAMES, SHORT_NAMES, modelName } from "../evaluate/metric-names.js";
import { escapeMarkdown, formatEstimate, formatNumber, formatP, formatSigned } from "../page/format.js";

/** `keys`: columns that name a row. */
interface TextTable extends LatexTable {
  columns: string[];
  rows: string[][];
}

type Metrics = Partial<Record<MetricName, Estimate>>;

export function markdownTables(input: ReportInput): string {
  const head = `# Tables of ${escapeMarkdown(input.title)}\n\n${escapeMarkdown(note(input))}\n`;
  const tables = tablesOf(input).map(({ caption, columns, rows }) => {
    const line = (cells: readonly string[]) => `| ${cells.map(escapeMarkdown).join(" | ")} |`;
    return [
      `## ${escapeMarkdown(caption)}`,
      "",
      line(columns),
      `|${"---|".repeat(columns.length)}`,
      ...rows.map(line),
      "",
    ].join("\n");
  });
  return [head, ...tables].join("\n");
}

/** Needs \usepackage{booktabs}. */
export function latexTables(input: ReportInput): string {
  const head = `% Tables of ${comment(input.title)}.\n${LATEX_PACKAGES}\n% ${comment(note(input))}\n`;
  return [head, ...tablesOf(input).map(latexTable)].join("\n");
}

/** A line break would end a comment of TeX. */
const comment = (text: string): string => visible(text.replace(/\s+/g, " "));

function note({ models, mainModel, part, protocol, dataset }: ReportInput): string {
  const main = models.find(({ model }) => model === mainModel)!;
  const level = Math.round(100 * main.bootstrap.level);
  return `${dataset.name}, ${protocol} protocol, ${part}: ${main.subjects} subjects, ${main.volumes} volumes; estimate [${level} % interval]. Balanced accuracy is 'weighted', accuracy 'unweighted' in the paper.`;
}

function tablesOf(input: ReportInput): TextTable[] {
  return [
    participantTable(input),
    modelTable(input),
    protocolTable(input),
    classTable(input),
    pairTable(input),
    thresholdTable(input),
  ].filter(({ rows }) => rows.length > 0);
}

const metricTitle = (name: MetricName): string => SHORT_NAMES[name] ?? METRIC_NAMES[name];
const estimates = (metrics: Metrics, names: readonly MetricName[], format?: (value: number) => string) =>
  names.map((name) => formatEstimate(metrics[name]!, format));

function participantTable({ participants }: ReportInput): TextTable {
  const { columns, rows } = participants ?? { columns: [], rows: [] };
  const caption = "Participants: subjects (share), or median [quartiles]";
  return { label: "participants", caption, columns: ["characteristic", ...columns.slice(1)], rows };
}

function modelTable({ models, task, part }: ReportInput): TextTable {
  const binary: MetricName[] = ["sensitivity", "specificity", "ppv", "npv", "auprc"];
  const names: MetricName[] = [
    ...new Set<MetricName>([
      ...headlines(task.ordinal),
      "auroc",
      "matthews",
      "cohenKappa",
      ...(task.classes.length === 2 ? binary : []),
    ]),
  ];
  return {
    label: "models",
    caption: `Models on ${part}`,
    columns: ["model", ...names.map(metricTitle)],
    rows: models.map(({ model, metrics }) => [modelName(model), ...estimates(metrics, names)]),
  };
}

function protocolTable({ analysis }: ReportInput): TextTable {
  const rows = analysis.protocols ?? [];
  const names = Object.keys(rows[0]?.clean ?? {}) as MetricName[];
  return {
    label: "protocols",
    caption:
      "Paper protocol (chosen and scored on val), clean protocol (scored on test), and the optimism between them",
    keys: 2,
    columns: ["model", "protocol", ...names.map(metricTitle)],
    rows: rows.flatMap(({ model, paper, clean, optimism }) => [
      [modelName(model), "paper", ...estimates(paper, names)],
      [modelName(model), "clean", ...estimates(clean, names)],
      [modelName(model), "optimism", ...estimates(optimism, names, formatSigned)],
    ]),
  };
}

function classTable({ models, mainModel }: ReportInput): TextTable {
  const main = models.find(({ model }) => model === mainModel)!;
  return {
    label: "classes",
    caption: `${modelName(mainModel)} by class; * fewer than 10 subjects`,
    columns: ["class", "n", ...CLASS_COLUMNS.slice(2)],
    rows: main.perClass.map((entry) => [
      entry.small ? `${entry.name} *` : entry.name,
      String(entry.support),
      ...classEstimates(entry).map((estimate) => formatEstimate(estimate)),
    ]),
  };
}

function pairTable({ analysis }: ReportInput): TextTable {
  const rows = (analysis.pairs?.pairs ?? []).flatMap(({ first, second, metrics }) =>
    Object.entries(metrics).map(([name, { difference, test, p, adjusted }]) => [
      `${modelName(first)} − ${modelName(second)}`,
      metricTitle(name as MetricName),
      formatEstimate(difference, formatSigned),
      test,
      formatP(p),
      formatP(adjusted),
    ]),
  );
  return {
    label: "pairs",
    caption: "Paired differences of models, p-values adjusted by Holm over the pairs of one metric",
    keys: 2,
    columns: ["pair", "metric", "difference", "test", "p", "p, Holm"],
    rows,
  };
}

function thresholdTable({ analysis }: ReportInput): TextTable {
  const names: MetricName[] = ["sensitivity", "specificity", "ppv", "npv"];
  return {
    label: "thresholds",
    caption: "Decision thresholds chosen on val and frozen, scored on test",
    columns: ["chosen for", "threshold", ...names.map(metricTitle)],
    rows: analysis.thresholds.map(({ rule, threshold, test }) => [
      "atLeast" in rule ? `${rule.kind} >= ${rule.atLeast}` : rule.kind,
      formatNumber(threshold, 3),
      ...estimates(test, names),
    ]),
  };
}
