/** Helpers of several sections of the report. */
import type { Estimate, MetricName } from "@slicestack/stats";
import type { Figure, FigureGroup } from "../figures/figure.js";
import type { ModelSummary } from "../../evaluate/summary.js";
import { html, table, trusted, type Column, type Html } from "../../page/html.js";
import type { ReportInput } from "../report-input.js";
import { type Format, formatBound, formatNumber } from "../../page/format.js";
import { METRIC_NAMES, modelName } from "../../evaluate/metric-names.js";

export function mainOf({ models, mainModel }: Pick<ReportInput, "models" | "mainModel">): ModelSummary {
  return models.find(({ model }) => model === mainModel)!;
}

export function figuresOf(input: Pick<ReportInput, "figures">, group: FigureGroup): Figure[] {
  return input.figures.filter((figure) => figure.group === group);
}

export function figure({ svg, caption }: Figure): Html {
  return html`<figure>
    ${trusted(svg)}
    <figcaption>${caption}</figcaption>
  </figure> `;
}

/** "0.81" with its interval in smaller type. */
export function cell({ value, interval }: Estimate, format: Format = formatNumber): Html {
  if (!Number.isFinite(value)) return html`–`;
  const [low, high] = [interval.low, interval.high].map((bound) => formatBound(bound, format));
  const bounds = interval.method === "none" ? "–" : `${low}, ${high}`;
  return html`${format(value)} <small>[${bounds}]</small>`;
}

export function columnOf(name: MetricName): Column {
  if (name === "accuracy") return { name: "accuracy", note: "‘unweighted’ in the paper" };
  if (name === "balancedAccuracy") return { name: "balanced accuracy", note: "‘weighted’ in the paper" };
  if (name === "quadraticKappa") return { name: "quadratic-weighted kappa" };
  return { name: METRIC_NAMES[name] };
}

/** "the test part". */
export function partName({ part }: Pick<ReportInput, "part">): string {
  return part === "test" ? "the test part" : "the validation part";
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** "3 subjects". */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

export function bounds({ interval }: Estimate, format: Format): string {
  if (interval.method === "none") return "no interval";
  return `${formatBound(interval.low, format)} to ${formatBound(interval.high, format)}`;
}

export function metricTable(
  input: Pick<ReportInput, "models" | "mainModel">,
  caption: string,
  metrics: readonly MetricName[],
): Html {
  const main = mainOf(input);
  const rows = input.models.map((summary) => ({
    name: modelName(summary.model),
    main: summary === main,
    cells: metrics.map((name) =>
      name === "calibrationError" ? formatNumber(summary.metrics[name].value) : cell(summary.metrics[name]),
    ),
  }));
  return table(caption, [{ name: "model" }, ...metrics.map(columnOf)], rows);
}
