/** Tables of scores for the terminal and Markdown, such as "0.81 [0.70, 0.89]". */
import type { Estimate, MetricName } from "@slicestack/stats";
import type { ModelDifference } from "../evaluate/compare/models.js";
import type { ModelSummary } from "../evaluate/summary.js";
import { formatSigned, formatEstimate, alignedTable, escapeMarkdown } from "../page/format.js";
import {
  METRIC_NAMES,
  SHORT_NAMES,
  modelName,
  headlineMetrics,
  differenceName,
} from "../evaluate/metric-names.js";

const PAPER_NAMES =
  "In the paper, balanced accuracy is called 'weighted' accuracy and plain accuracy 'unweighted'.";

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

/** Aligned columns for the terminal, differences below the models, two lines of explanation at the foot. */
export function summaryTable(
  summaries: readonly ModelSummary[],
  differences: readonly ModelDifference[] = [],
): string {
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
