/** Numbers as people read them: names of metrics and models, "0.81 [0.70, 0.89]", tables for the terminal and Markdown. */
import type { Estimate, MetricName } from "@slicestack/stats";
import { visible } from "../../page/visible.js";
import { headlines } from "../analysis/headlines.js";
import type { ModelDifference } from "../compare/models.js";
import type { ModelSummary } from "../summary.js";

/** Full names; the two accuracies carry the paper's names too, which mean something else in scikit-learn. */
export const METRIC_NAMES: Record<MetricName, string> = {
  accuracy: "accuracy ('unweighted' in the paper)",
  balancedAccuracy: "balanced accuracy ('weighted' in the paper)",
  macroF1: "macro F1",
  matthews: "Matthews correlation",
  cohenKappa: "Cohen's kappa",
  quadraticKappa: "quadratic-weighted kappa",
  meanAbsoluteError: "mean absolute error, grades",
  offByOneAccuracy: "off-by-one accuracy",
  auroc: "AUROC",
  pairwiseAuroc: "AUROC over pairs of classes (M)",
  auprc: "AUPRC",
  sensitivity: "sensitivity",
  specificity: "specificity",
  ppv: "positive predictive value",
  npv: "negative predictive value",
  negativeLogLikelihood: "negative log-likelihood, nats",
  brierScore: "Brier score (0 to 2)",
  calibrationError: "expected calibration error",
  classwiseCalibrationError: "classwise calibration error",
  areaUnderRiskCoverage: "area under the risk-coverage curve",
};

/** Names for narrow columns. */
export const SHORT_NAMES: Partial<Record<MetricName, string>> = {
  accuracy: "accuracy",
  balancedAccuracy: "balanced accuracy",
  macroF1: "macro F1",
  quadraticKappa: "QW kappa",
  auroc: "AUROC",
};

const PAPER_NAMES = "In the paper, balanced accuracy is called 'weighted' accuracy and plain accuracy 'unweighted'.";

const MODEL_NAMES: Record<string, string> = {
  majority: "majority class",
  shortcut: "shortcut baseline",
  metadata: "metadata baseline",
  "2d_vote": "2D vote",
  "2d_count": "2D count vote",
  "2.5d": "2.5D",
  "2.5d_frozen": "2.5D, trunk frozen",
  "3d": "3D",
};

/** "2d_vote" → "2D vote"; other names as they are. */
export function modelName(model: string): string {
  return MODEL_NAMES[model] ?? model;
}

/** The four columns of the table of models: the last is QWK for ordered classes, else AUROC. */
export function headlineMetrics({ ordinal }: { ordinal: boolean }): MetricName[] {
  return headlines(ordinal);
}

/** "0.81"; "–" where undefined; never "-0.00". */
export function formatNumber(value: number, digits = 2): string {
  if (!Number.isFinite(value)) return "–";
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** "+0.05", "−0.03", "0.00". */
export function formatSigned(value: number, digits = 2): string {
  const text = formatNumber(value, digits);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

export type Format = (value: number, digits?: number) => string;

/** Digits of a number that must not look like another: one that shows on which side of a limit it lies. */
const MOST_DIGITS = 5;

/** A bound; of a difference with as many digits as say on which side of zero it lies: "+0.004", where "0.00" would hide it. */
export function formatBound(bound: number, format: Format): string {
  if (format !== formatSigned || bound === 0 || !Number.isFinite(bound)) return format(bound);
  let digits = 2;
  while (digits < MOST_DIGITS && Number(bound.toFixed(digits)) === 0) digits++;
  return format(bound, digits);
}

/** "0.81 [0.70, 0.89]"; "0.50 [–]" where there is no interval; "–" where the value is undefined. */
export function formatEstimate({ value, interval }: Estimate, format: Format = formatNumber): string {
  if (!Number.isFinite(value)) return "–";
  if (interval.method === "none") return `${format(value)} [–]`;
  return `${format(value)} [${formatBound(interval.low, format)}, ${formatBound(interval.high, format)}]`;
}

/** "< 0.001", "0.043"; "–" where there is none. What is below 0.05 never reads 0.050: "0.0496". */
export function formatP(p: number): string {
  if (!Number.isFinite(p)) return "–";
  if (p < 0.001) return "< 0.001";
  let digits = p < 0.1 ? 3 : 2;
  while (p < 0.05 && digits < MOST_DIGITS && Number(p.toFixed(digits)) >= 0.05) digits++;
  return p < 0.05 && Number(p.toFixed(digits)) >= 0.05 ? "< 0.05" : p.toFixed(digits);
}

/** "2.5D − 2D vote". */
export function differenceName({ first, second }: ModelDifference): string {
  return `${modelName(first)} − ${modelName(second)}`;
}

function rowsOf(summaries: readonly ModelSummary[], differences: readonly ModelDifference[]): string[][] {
  const columns = headlineMetrics(summaries[0] ?? { ordinal: false });
  const cells = (source: { metrics: Record<MetricName, Estimate> }, format?: (value: number) => string) =>
    columns.map((name) => formatEstimate(source.metrics[name], format));
  return [
    ["model", ...columns.map((name) => SHORT_NAMES[name] ?? METRIC_NAMES[name])],
    ...summaries.map((summary) => [modelName(summary.model), ...cells(summary)]),
    ...differences.map((difference) => [differenceName(difference), ...cells(difference, formatSigned)]),
  ];
}

function describe(summaries: readonly ModelSummary[]): string {
  const summary = summaries[0];
  if (summary === undefined) return "";
  const { part, subjects, volumes, bootstrap } = summary;
  const interval = `${Math.round(bootstrap.level * 100)} % intervals`;
  return `${part}: ${subjects} subjects, ${volumes} volumes; ${interval}. ${PAPER_NAMES}`;
}

/** Columns set under each other, a rule below the head and at the foot. @param rules further ones, after so many rows of the body */
export function alignedTable(rows: readonly (readonly string[])[], rules: readonly number[] = []): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("──");
  const body = rows.slice(1).flatMap((row, k) => (rules.includes(k) ? [rule, line(row)] : [line(row)]));
  return [line(rows[0]!), rule, ...body, rule].join("\n");
}

/** Aligned columns for the terminal, differences below the models, two lines of explanation at the foot. */
export function summaryTable(summaries: readonly ModelSummary[], differences: readonly ModelDifference[] = []): string {
  const rows = rowsOf(summaries, differences);
  return [alignedTable(rows, [summaries.length]), ...describe(summaries).split(/(?<=\.) /)].join("\n");
}

/** The same table in Markdown. */
export function markdownTable(
  summaries: readonly ModelSummary[],
  differences: readonly ModelDifference[] = [],
): string {
  const rows = rowsOf(summaries, differences).map((row) => `| ${row.map(escapeMarkdown).join(" | ")} |`);
  const rule = `|${"---|".repeat(rowsOf(summaries, [])[0]!.length)}`;
  return [rows[0]!, rule, ...rows.slice(1), "", describe(summaries)].join("\n");
}

/**
 * Text for Markdown, in a cell or a line: it stays text. A name cannot end its cell, start HTML or an autolink (`<` before
 * what begins a tag), or make a link (`](`).
 */
export function escapeMarkdown(text: string): string {
  return visible(text.replace(/\s*[\r\n]+\s*/g, " "))
    .replace(/[|\\]/g, (character) => `\\${character}`)
    .replace(/<(?=[A-Za-z/!?])/g, "\\<")
    .replace(/\](?=[([:])/g, "\\]");
}
