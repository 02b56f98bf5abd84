/** The one table of a comparison: runs, then pairs; as text, Markdown and LaTeX. */
import type { RunComparison } from "../compare/runs.js";
import type { MetricName } from "../metrics/scorer.js";
import { escapeLatex } from "./export-tables.js";
import { escapeMarkdown, formatEstimate, formatP, formatSigned, METRIC_NAMES, SHORT_NAMES } from "./tables.js";

/** Columns and rows; the first `runs` rows are the runs, the others pairs. */
export interface ComparisonTable {
  columns: string[];
  runs: string[][];
  pairs: string[][];
  metrics: MetricName[];
}

export function comparisonTable({ summaries, pairs }: RunComparison): ComparisonTable {
  const metrics = Object.keys(pairs.pairs[0]?.metrics ?? {}) as MetricName[];
  return {
    metrics,
    columns: ["run", ...metrics.map((name) => SHORT_NAMES[name] ?? METRIC_NAMES[name])],
    runs: summaries.map(({ model, metrics: own }) => [model, ...metrics.map((name) => formatEstimate(own[name]))]),
    pairs: pairs.pairs.map(({ first, second, metrics: own }) => [
      `${first} − ${second}`,
      ...metrics.map(
        (name) => `${formatEstimate(own[name]!.difference, formatSigned)} p ${formatP(own[name]!.adjusted)}`,
      ),
    ]),
  };
}

export function comparisonText(comparison: RunComparison): string {
  const { columns, runs, pairs } = comparisonTable(comparison);
  const rows = [columns, ...runs, ...pairs];
  const widths = columns.map((_, k) => Math.max(...rows.map((row) => row[k]!.length)));
  const line = (row: readonly string[]) => row.map((cell, k) => cell.padEnd(widths[k]!)).join("  ").trimEnd(); // prettier-ignore
  const rule = widths.map((width) => "─".repeat(width)).join("──");
  return [line(columns), rule, ...runs.map(line), rule, ...pairs.map(line), rule, foot(comparison), ...comparison.notes].join("\n"); // prettier-ignore
}

export function comparisonMarkdown(comparison: RunComparison): string {
  const { columns, runs, pairs } = comparisonTable(comparison);
  const line = (row: readonly string[]) => `| ${row.map(escapeMarkdown).join(" | ")} |`;
  const notes = comparison.notes.map((note) => `- ${note}`);
  const rule = `|${"---|".repeat(columns.length)}`;
  return [line(columns), rule, ...[...runs, ...pairs].map(line), "", foot(comparison), "", ...notes, ""].join("\n");
}

/** Needs \usepackage{booktabs}. */
export function comparisonLatex(comparison: RunComparison): string {
  const { columns, runs, pairs } = comparisonTable(comparison);
  const line = (row: readonly string[]) => `    ${row.map(escapeLatex).join(" & ")} \\\\`;
  return [
    "% \\usepackage{booktabs}",
    "\\begin{table}",
    "  \\centering",
    `  \\caption{${escapeLatex(foot(comparison))}}`,
    `  \\begin{tabular}{${"l".repeat(columns.length)}}`,
    "    \\toprule",
    line(columns),
    "    \\midrule",
    ...runs.map(line),
    "    \\midrule",
    ...pairs.map(line),
    "    \\bottomrule",
    "  \\end{tabular}",
    "\\end{table}",
    "",
  ].join("\n");
}

function foot({ pairs, summaries }: RunComparison): string {
  const level = Math.round(100 * (summaries[0]?.bootstrap.level ?? 0.95));
  return `test: ${pairs.subjects} subjects, ${pairs.volumes} volumes; ${level} % intervals; p by ${testsOf(pairs)}, adjusted by Holm over ${pairs.pairs.length} pairs of a metric.`;
}

function testsOf(pairs: RunComparison["pairs"]): string {
  return [...new Set(pairs.pairs.flatMap(({ metrics }) => Object.values(metrics).map(({ test }) => test)))].join(", ");
}
