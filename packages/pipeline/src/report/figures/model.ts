/** Confusion matrices and reliability plots of models. */
import { normaliseRows, type ReliabilityPoint } from "@slicestack/stats";
import { colourOf, coloursOf, drawSvg, INK, type Spec } from "../../page/drawing.js";
import type { Figure } from "./figure.js";
import type { CalibrationReport } from "../../evaluate/analysis/calibrate.js";
import type { ModelSummary } from "../../evaluate/summary.js";
import { formatNumber } from "../../page/format.js";
import { modelName } from "../../evaluate/metric-names.js";

/** Confusion matrix of a model: counts, and the share of each true class below them. */
export async function confusionFigure(summary: ModelSummary): Promise<Figure> {
  const { classes, confusion } = summary;
  const shares = normaliseRows(confusion);
  const rowNames = classes.map((name, i) => `${name}  (n = ${confusion[i]!.reduce((a, b) => a + b, 0)})`);
  const values = classes.flatMap((_, i) =>
    classes.map((predicted, j) => ({
      row: rowNames[i],
      predicted,
      count: confusion[i]![j],
      share: Number.isNaN(shares[i]![j]!) ? null : shares[i]![j],
      percent: Number.isNaN(shares[i]![j]!) ? "–" : `${Math.round(100 * shares[i]![j]!)} %`,
    })),
  );
  const ink = { condition: { test: "datum.share > 0.68", value: "#ffffff" }, value: "#1b1f24" };
  const cell = classes.length <= 3 ? 78 : 64;
  const spec: Spec = {
    width: { step: cell },
    height: { step: cell },
    data: { values },
    encoding: {
      x: {
        field: "predicted",
        type: "nominal",
        sort: null,
        title: "predicted",
        axis: { labelAngle: 0, domain: false },
      },
      y: { field: "row", type: "nominal", sort: null, title: "true", axis: { domain: false } },
    },
    layer: [
      {
        mark: { type: "rect", stroke: "#ffffff", strokeWidth: 2 },
        encoding: {
          color: {
            condition: { test: "datum.share === null", value: "#d9d9d9" },
            field: "share",
            type: "quantitative",
            scale: { domain: [0, 1], range: ["#eef3f8", "#0b4f86"] },
            legend: null,
          },
        },
      },
      {
        mark: { type: "text", fontSize: 17, dy: -8 },
        encoding: { text: { field: "count" }, color: ink },
      },
      {
        mark: { type: "text", fontSize: 12, dy: 12 },
        encoding: { text: { field: "percent" }, color: ink },
      },
    ],
  };
  const rows = classes.map(
    (name, i) => `${name}: ${confusion[i]!.map((n, j) => `${n} as ${classes[j]}`).join(", ")}`,
  );
  return {
    name: `confusion_${summary.model}`,
    group: "confusion",
    caption: `Confusion matrix: ${modelName(summary.model)}`,
    svg: await drawSvg(spec, {
      title: `Confusion matrix, ${modelName(summary.model)}`,
      description: `True class and predictions. ${rows.join("; ")}.`,
    }),
  };
}

/** Reliability plots: accuracy against confidence in bins of equal mass, one panel per model. */
export async function reliabilityFigure(summaries: readonly ModelSummary[]): Promise<Figure> {
  const colours = coloursOf(summaries.map(({ model }) => model));
  const panels = summaries.map(({ model, metrics, reliability: points, classes }, i) => {
    const title = `${modelName(model)}, ECE ${formatNumber(metrics.calibrationError.value)}`;
    return reliabilityPanel({ title, points, classes: classes.length, colour: colours.get(model)! }, i);
  });
  const bins = summaries.map(
    (summary) =>
      `${modelName(summary.model)}: ${summary.reliability.map((bin) => `${formatNumber(bin.confidence)} confident, ${formatNumber(bin.accuracy)} right`).join("; ")}`,
  );
  const count = summaries[0]?.reliability.length ?? 0;
  return {
    name: "reliability",
    group: "calibration",
    caption: `Reliability: share of correct predictions against mean confidence, ${count === 1 ? "one bin" : `${count} bins of equal mass`}, bars are 95 % Wilson intervals. On the diagonal, confidence equals accuracy; below it, the model is overconfident.`,
    svg: await drawSvg(
      { columns: 3, spacing: 34, concat: panels },
      { title: "Reliability plots", description: `${bins.join(". ")}.` },
    ),
  };
}

/** Reliability of one model before and after the corrections that were fitted on val. */
export async function correctedFigure({
  model,
  variants,
  classes,
  brier,
}: CalibrationReport): Promise<Figure> {
  const panels = variants.map(({ name, metrics, reliability: points }, i) => {
    const title = `${name}, ECE ${formatNumber(metrics.calibrationError!.value)}`;
    return reliabilityPanel({ title, points, classes, colour: colourOf(model) }, i);
  });
  const variantTexts = variants.map(
    ({ name, metrics }) =>
      `${name}: NLL ${formatNumber(metrics.negativeLogLikelihood!.value)}, calibration error ${formatNumber(metrics.calibrationError!.value)}`,
  );
  return {
    name: "reliability_corrected",
    group: "corrected",
    caption: `Reliability of ${modelName(model)} on test as given and corrected, in ${brier.bins} bins of equal mass; bars are 95 % Wilson intervals. Corrections were fitted on val.`,
    svg: await drawSvg(
      { columns: 3, spacing: 34, concat: panels },
      { title: "Reliability before and after correction", description: `${variantTexts.join("; ")}.` },
    ),
  };
}

interface ReliabilityPanel {
  title: string;
  points: readonly ReliabilityPoint[];
  classes: number;
  colour: string;
}

function reliabilityPanel({ title, points, classes, colour }: ReliabilityPanel, index: number): Spec {
  const values = points.map(({ confidence, accuracy, interval }) => ({
    confidence,
    accuracy,
    low: interval.low,
    high: interval.high,
  }));
  const least = Math.floor(10 / classes) / 10;
  const x = {
    field: "confidence",
    type: "quantitative",
    title: "confidence",
    scale: { domain: [least, 1] },
    axis: { tickCount: 5, format: ".1f" },
  };
  const y = (field: string) => ({
    field,
    type: "quantitative",
    title: index % 3 === 0 ? "share correct" : null,
    scale: { domain: [0, 1] },
    axis: { tickCount: 5, format: ".1f" },
  });
  return {
    title,
    width: 180,
    height: 180,
    data: { values },
    layer: [
      {
        data: {
          values: [
            { confidence: least, accuracy: least },
            { confidence: 1, accuracy: 1 },
          ],
        },
        mark: { type: "line", stroke: INK, strokeOpacity: 0.45, strokeDash: [4, 4], strokeWidth: 1 },
        encoding: { x, y: y("accuracy") },
      },
      {
        mark: { type: "rule", stroke: colour, strokeWidth: 1.5 },
        encoding: { x, y: y("low"), y2: { field: "high" } },
      },
      {
        mark: { type: "line", stroke: colour, strokeWidth: 1.5, strokeOpacity: 0.6 },
        encoding: { x, y: y("accuracy") },
      },
      {
        mark: { type: "point", filled: true, size: 52, color: colour, opacity: 1 },
        encoding: { x, y: y("accuracy") },
      },
    ],
  };
}
