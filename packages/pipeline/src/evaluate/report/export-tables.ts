/** The tables of a report for a manuscript: Markdown, and LaTeX (booktabs). */
import { headlines } from "../analysis/headlines.js";
import type { MetricName } from "../metrics/scorer.js";
import type { Estimate } from "../statistics/interval.js";
import type { ReportInput } from "./report.js";
import * as words from "./tables.js";

interface TextTable {
  label: string;
  caption: string;
  columns: string[];
  rows: string[][];
}

type Metrics = Partial<Record<MetricName, Estimate>>;

export function markdownTables(input: ReportInput): string {
  const head = `# Tables of ${input.title}\n\n${note(input)}\n`;
  const tables = tablesOf(input).map(({ caption, columns, rows }) => {
    const line = (cells: readonly string[]) => `| ${cells.map(words.escapeMarkdown).join(" | ")} |`;
    return [`## ${caption}`, "", line(columns), `|${"---|".repeat(columns.length)}`, ...rows.map(line), ""].join("\n");
  });
  return [head, ...tables].join("\n");
}

/** Needs \usepackage{booktabs}. */
export function latexTables(input: ReportInput): string {
  const head = `% Tables of ${input.title}. \\usepackage{booktabs}\n% ${note(input)}\n`;
  const tables = tablesOf(input).map(({ label, caption, columns, rows }) => {
    const line = (cells: readonly string[]) => `    ${cells.map(escapeLatex).join(" & ")} \\\\`;
    return [
      "\\begin{table}",
      "  \\centering",
      `  \\caption{${escapeLatex(caption)}}`,
      `  \\label{tab:${label}}`,
      `  \\begin{tabular}{${"l".repeat(columns.length)}}`,
      "    \\toprule",
      line(columns),
      "    \\midrule",
      ...rows.map(line),
      "    \\bottomrule",
      "  \\end{tabular}",
      "\\end{table}",
      "",
    ].join("\n");
  });
  return [head, ...tables].join("\n");
}

function note({ models, mainModel, part, protocol, dataset }: ReportInput): string {
  const main = models.find(({ model }) => model === mainModel)!;
  const level = Math.round(100 * main.bootstrap.level);
  return `${dataset.name}, ${protocol} protocol, ${part}: ${main.subjects} subjects, ${main.volumes} volumes; estimate [${level} % interval]. Balanced accuracy is 'weighted', accuracy 'unweighted' in the paper.`;
}

function tablesOf(input: ReportInput): TextTable[] {
  return [modelTable(input), protocolTable(input), classTable(input), pairTable(input), thresholdTable(input)].filter(
    ({ rows }) => rows.length > 0,
  );
}

const named = (name: MetricName): string => words.SHORT_NAMES[name] ?? words.METRIC_NAMES[name];
const estimates = (metrics: Metrics, names: readonly MetricName[], format?: (value: number) => string) =>
  names.map((name) => words.formatEstimate(metrics[name]!, format));

function modelTable({ models, task, part }: ReportInput): TextTable {
  const binary: MetricName[] = ["sensitivity", "specificity", "ppv", "npv", "auprc"];
  const names: MetricName[] = [
    ...new Set<MetricName>([...headlines(task.ordinal), "auroc", "matthews", "cohenKappa", ...(task.classes.length === 2 ? binary : [])]), // prettier-ignore
  ];
  return {
    label: "models",
    caption: `Models on ${part}`,
    columns: ["model", ...names.map(named)],
    rows: models.map(({ model, metrics }) => [words.modelName(model), ...estimates(metrics, names)]),
  };
}

function protocolTable({ analysis }: ReportInput): TextTable {
  const rows = analysis.protocols ?? [];
  const names = Object.keys(rows[0]?.clean ?? {}) as MetricName[];
  return {
    label: "protocols",
    caption:
      "Paper protocol (chosen and scored on val), clean protocol (scored on test), and the optimism between them",
    columns: ["model", "protocol", ...names.map(named)],
    rows: rows.flatMap(({ model, paper, clean, optimism }) => [
      [words.modelName(model), "paper", ...estimates(paper, names)],
      [words.modelName(model), "clean", ...estimates(clean, names)],
      [words.modelName(model), "optimism", ...estimates(optimism, names, words.formatSigned)],
    ]),
  };
}

function classTable({ models, mainModel }: ReportInput): TextTable {
  const main = models.find(({ model }) => model === mainModel)!;
  return {
    label: "classes",
    caption: `${words.modelName(mainModel)} by class; * fewer than 10 volumes`,
    columns: ["class", "n", "precision", "recall", "F1", "AUROC"],
    rows: main.perClass.map(({ name, support, small, precision, recall, f1, auroc }) => [
      small ? `${name} *` : name,
      String(support),
      ...[precision, recall, f1, auroc].map((one) => words.formatEstimate(one)),
    ]),
  };
}

function pairTable({ analysis }: ReportInput): TextTable {
  const rows = (analysis.pairs?.pairs ?? []).flatMap(({ first, second, metrics }) =>
    Object.entries(metrics).map(([name, { difference, test, p, adjusted }]) => [
      `${words.modelName(first)} − ${words.modelName(second)}`,
      named(name as MetricName),
      words.formatEstimate(difference, words.formatSigned),
      test,
      words.formatP(p),
      words.formatP(adjusted),
    ]),
  );
  return {
    label: "pairs",
    caption: "Paired differences of models, p-values adjusted by Holm over the pairs of one metric",
    columns: ["pair", "metric", "difference", "test", "p", "p, Holm"],
    rows,
  };
}

function thresholdTable({ analysis }: ReportInput): TextTable {
  const names: MetricName[] = ["sensitivity", "specificity", "ppv", "npv"];
  return {
    label: "thresholds",
    caption: "Decision thresholds chosen on val and frozen, scored on test",
    columns: ["chosen for", "threshold", ...names.map(named)],
    rows: analysis.thresholds.map(({ rule, threshold, test }) => [
      "atLeast" in rule ? `${rule.kind} >= ${rule.atLeast}` : rule.kind,
      words.formatNumber(threshold, 3),
      ...estimates(test, names),
    ]),
  };
}

const LATEX: Record<string, string> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "−": "$-$",
  "–": "--",
  "<": "$<$",
  ">": "$>$",
};

export function escapeLatex(text: string): string {
  return text.replace(/[\\~^−–<>&%$#_{}]/g, (character) => LATEX[character] ?? `\\${character}`);
}
