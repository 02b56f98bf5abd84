/** Models, and differences of models, side by side with their intervals. */
import type { Estimate } from "@slicestack/stats";
import { drawSvg, coloursOf, INK, type Spec } from "../../page/drawing.js";
import type { Figure } from "./figure.js";
import type { ModelDifference } from "../../evaluate/compare/models.js";
import type { ModelSummary } from "../../evaluate/summary.js";
import {
  differenceName,
  headlineMetrics,
  METRIC_NAMES,
  modelName,
  SHORT_NAMES,
} from "../../evaluate/metric-names.js";
import { formatEstimate, formatSigned } from "../../page/format.js";

/** One line of a forest plot. */
export interface ForestRow {
  label: string;
  estimate: Estimate;
  colour: string;
  /** A ring instead of the dot. */
  hollow?: boolean;
}

/** Models side by side: one panel per headline metric, a dot with its interval per model, the chance level dashed. */
export async function forestFigure(summaries: readonly ModelSummary[]): Promise<Figure> {
  const classes = summaries[0]!.classes.length;
  const chance = { balancedAccuracy: 1 / classes, auroc: 0.5, quadraticKappa: 0 };
  const metrics = headlineMetrics(summaries[0]!);
  const colours = coloursOf(summaries.map(({ model }) => model));
  const panels = metrics.map((name, i) => {
    const rows = summaries.map((summary) => ({
      label: modelName(summary.model),
      estimate: summary.metrics[name],
      colour: colours.get(summary.model)!,
    }));
    const low = Math.min(0, ...finite(rows.map(({ estimate }) => estimate.interval.low)));
    const reference = name in chance ? chance[name as keyof typeof chance] : undefined;
    return forestPanel(SHORT_NAMES[name] ?? METRIC_NAMES[name], rows, [low, 1], reference, i % 2 === 0);
  });
  const modelTexts = summaries.map(
    (summary) =>
      `${modelName(summary.model)}: ${metrics.map((name) => `${SHORT_NAMES[name]} ${formatEstimate(summary.metrics[name])}`).join(", ")}`,
  );
  return {
    name: "models",
    group: "models",
    caption:
      "Each model with its interval. The dashed line is the score of chance, if that is a single number.",
    svg: await drawSvg(
      { columns: 2, spacing: { row: 30, column: 36 }, concat: panels },
      { title: "Models compared", description: `${modelTexts.join("; ")}.` },
    ),
  };
}

/** Paired differences: one panel per headline metric; an interval that includes the dashed zero shows no difference. */
export async function differenceFigure(differences: readonly ModelDifference[]): Promise<Figure> {
  const ordinal = Number.isFinite(differences[0]!.metrics.quadraticKappa.value);
  const metrics = headlineMetrics({ ordinal });
  const reach = reachOf(metrics.flatMap((name) => differences.map(({ metrics: values }) => values[name])));
  const panels = metrics.map((name, i) => {
    const rows = differences.map((difference) => ({
      label: differenceName(difference),
      estimate: difference.metrics[name],
      colour: INK,
    }));
    return forestPanel(SHORT_NAMES[name] ?? METRIC_NAMES[name], rows, [-reach, reach], 0, i % 2 === 0);
  });
  const differenceTexts = differences.map(
    (difference) =>
      `${differenceName(difference)}: ${metrics.map((name) => `${SHORT_NAMES[name]} ${formatEstimate(difference.metrics[name], formatSigned)}`).join(", ")}`,
  );
  return {
    name: "differences",
    group: "differences",
    caption:
      "Paired differences. If an interval includes the dashed zero, this test set does not show which model is better.",
    svg: await drawSvg(
      { columns: 2, spacing: { row: 30, column: 36 }, concat: panels },
      { title: "Paired differences", description: `${differenceTexts.join("; ")}.` },
    ),
  };
}

function finite(values: readonly number[]): number[] {
  return values.filter(Number.isFinite);
}

/** Extent of the axis of differences on both sides of zero. */
export function reachOf(estimates: readonly Estimate[]): number {
  const bounds = estimates.flatMap(({ value, interval }) => [value, interval.low, interval.high]);
  return Math.min(2, Math.ceil(10 * Math.max(0.1, ...finite(bounds).map(Math.abs))) / 10);
}

/** A dot with its interval per row. @param reference a dashed line @param labelled false if the panel on its left has labels */
export function forestPanel(
  title: string,
  rows: readonly ForestRow[],
  domain: readonly [number, number],
  reference: number | undefined,
  labelled: boolean,
): Spec {
  const values = rows
    .filter(({ estimate }) => Number.isFinite(estimate.value))
    .map(({ label, estimate, colour, hollow = false }) => ({
      label,
      colour,
      fill: hollow ? "transparent" : colour,
      value: estimate.value,
      low: Number.isFinite(estimate.interval.low) ? estimate.interval.low : estimate.value,
      high: Number.isFinite(estimate.interval.high) ? estimate.interval.high : estimate.value,
    }));
  const x = (field: string) => ({
    field,
    type: "quantitative",
    title: null,
    scale: { domain, nice: false },
    axis: { tickCount: 5, format: ".1f" },
  });
  const order = rows.map(({ label }) => label);
  const y = {
    field: "label",
    type: "nominal",
    sort: null,
    scale: { domain: order },
    title: null,
    axis: { labels: labelled, ticks: false, labelPadding: 8, domain: false, grid: false },
  };
  const color = { field: "colour", type: "nominal", scale: null };
  const line = {
    data: { values: [{ reference }] },
    mark: { type: "rule", stroke: INK, strokeDash: [4, 4], strokeOpacity: 0.55 },
    encoding: { x: x("reference") },
  };
  return {
    title,
    width: 240,
    height: { step: 26 },
    layer: [
      ...(reference === undefined ? [] : [line]),
      {
        data: { values },
        mark: { type: "rule", strokeWidth: 2.5 },
        encoding: { x: x("low"), x2: { field: "high" }, y, color },
      },
      {
        data: { values },
        mark: { type: "point", size: 70, opacity: 1, strokeWidth: 2 },
        encoding: { x: x("value"), y, color, fill: { field: "fill", type: "nominal", scale: null } },
      },
    ],
  };
}
