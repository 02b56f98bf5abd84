/** The table of a comparison: runs, then pairs; as text, Markdown and LaTeX. */
import type { MetricName } from "@slicestack/stats";
import type { RunComparison } from "../evaluate/compare/comparison.js";
import { LATEX_PACKAGES, latexTable } from "../page/latex.js";
import { alignedTable, escapeMarkdown, formatEstimate, formatP, formatSigned } from "../page/format.js";
import { METRIC_NAMES, SHORT_NAMES } from "../evaluate/metric-names.js";

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
    runs: summaries.map(({ model, metrics: values }) => [
      model,
      ...metrics.map((name) => formatEstimate(values[name])),
    ]),
    pairs: pairs.pairs.map(({ first, second, metrics: values }) => [
      `${first} − ${second}`,
      ...metrics.map(
        (name) =>
          `${formatEstimate(values[name]!.difference, formatSigned)} p ${formatP(values[name]!.adjusted)}`,
      ),
    ]),
  };
}

/** Groups on the same folds: the difference of every pair, with the corrected resampled t-test; null without folds. */
export function foldTable({
  folds,
}: RunComparison): { caption: string; columns: string[]; rows: string[][] } | null {
  if (folds === null) return null;
  const metrics = Object.keys(folds.pairs[0]?.metrics ?? {}) as MetricName[];
  const size = `mean over ${folds.folds} folds of about ${Math.round(folds.trainSubjects)} training and ${Math.round(folds.testSubjects)} test subjects`;
  return {
    caption: `Fold by fold: ${size}; interval and p by the corrected resampled t-test, adjusted by Holm over the pairs of a metric.`,
    columns: ["over folds", ...metrics.map((name) => SHORT_NAMES[name] ?? METRIC_NAMES[name])],
    rows: folds.pairs.map(({ first, second, metrics: values }) => [
      `${first} − ${second}`,
      ...metrics.map((name) => {
        const { difference, adjusted } = values[name]!;
        return `${formatEstimate(difference, formatSigned)} p ${formatP(adjusted)}`;
      }),
    ]),
  };
}

export function comparisonText(comparison: RunComparison): string {
  const { columns, runs, pairs } = comparisonTable(comparison);
  const folds = foldTable(comparison);
  return [
    alignedTable([columns, ...runs, ...pairs], [runs.length]),
    footerText(comparison),
    ...(folds === null ? [] : ["", alignedTable([folds.columns, ...folds.rows]), folds.caption]),
    ...(folds === null ? [] : [""]),
    ...comparison.notes,
  ].join("\n");
}

export function comparisonMarkdown(comparison: RunComparison): string {
  const { columns, runs, pairs } = comparisonTable(comparison);
  const line = (row: readonly string[]) => `| ${row.map(escapeMarkdown).join(" | ")} |`;
  const notes = comparison.notes.map((note) => `- ${escapeMarkdown(note)}`);
  const rule = `|${"---|".repeat(columns.length)}`;
  const folds = foldTable(comparison);
  const byFold =
    folds === null ? [] : [line(folds.columns), rule, ...folds.rows.map(line), "", folds.caption, ""];
  return [
    line(columns),
    rule,
    ...[...runs, ...pairs].map(line),
    "",
    footerText(comparison),
    "",
    ...byFold,
    ...notes,
    "",
  ].join("\n");
}

/** Needs \usepackage{booktabs}. */
export function comparisonLatex(comparison: RunComparison): string {
  const { columns, runs, pairs } = comparisonTable(comparison);
  const folds = foldTable(comparison);
  return [
    LATEX_PACKAGES,
    latexTable({
      label: "comparison",
      caption: footerText(comparison),
      columns,
      rows: [...runs, ...pairs],
      rules: [runs.length],
    }),
    ...(folds === null ? [] : [latexTable({ label: "folds", ...folds })]),
  ].join("\n");
}

function footerText({ pairs, summaries }: RunComparison): string {
  const level = Math.round(100 * (summaries[0]?.bootstrap.level ?? 0.95));
  return `test: ${pairs.subjects} subjects, ${pairs.volumes} volumes; ${level} % intervals; p by ${testsOf(pairs)}, adjusted by Holm over ${pairs.pairs.length} pairs of a metric.`;
}

function testsOf(pairs: RunComparison["pairs"]): string {
  return [
    ...new Set(pairs.pairs.flatMap(({ metrics }) => Object.values(metrics).map(({ test }) => test))),
  ].join(", ");
}
