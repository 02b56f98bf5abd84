/** What a model gets right and wrong, how it ranks, and whether its probabilities mean what they say. */
import { drawSvg, INK, paletteOf, type Spec } from "../../page/drawing.js";
import type { Figure } from "./figure.js";
import { normaliseRows } from "../metrics/confusion.js";
import type { ModelSummary } from "../summary.js";
import { formatNumber, modelName } from "../report/tables.js";

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
  const rows = classes.map((name, i) => `${name}: ${confusion[i]!.map((n, j) => `${n} as ${classes[j]}`).join(", ")}`);
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

/** ROC curves: of all models for two classes, else of the last model, each class against the rest. */
export async function rocFigure(summaries: readonly ModelSummary[]): Promise<Figure> {
  const last = summaries[summaries.length - 1]!;
  const binary = last.classes.length === 2;
  const curves = binary
    ? summaries.map((summary) => ({ ...summary.roc[0]!, name: modelName(summary.model), model: summary.model }))
    : last.roc.map((curve) => ({ ...curve, model: undefined }));
  const drawn = curves.filter(({ curve }) => curve.falsePositiveRate.length > 0);
  const named = drawn.map((entry) => ({ ...entry, label: `${entry.name}: ${formatNumber(entry.auroc)}` }));
  const values = named.flatMap(({ label, curve }) =>
    curve.falsePositiveRate.map((x, k) => ({ label, k, x, y: curve.truePositiveRate[k] })),
  );
  const labels = named.map(({ label }) => label);
  const rate = (field: string, title: string) => ({
    field,
    type: "quantitative",
    title,
    scale: { domain: [0, 1] },
    axis: { tickCount: 5, format: ".1f" },
  });
  const legend = {
    title: binary ? "AUROC" : "AUROC against the rest",
    orient: "right",
    symbolSize: 220,
    symbolStrokeWidth: 2.5,
  };
  const colour = named.map(({ model }, i) => paletteOf(model, i));
  const spec: Spec = {
    width: 280,
    height: 280,
    layer: [
      {
        data: {
          values: [
            { x: 0, y: 0 },
            { x: 1, y: 1 },
          ],
        },
        mark: { type: "line", stroke: INK, strokeOpacity: 0.45, strokeDash: [4, 4], strokeWidth: 1 },
        encoding: { x: rate("x", "1 − specificity"), y: rate("y", "sensitivity") },
      },
      {
        data: { values },
        mark: { type: "line", strokeWidth: 2.25, clip: false },
        encoding: {
          x: rate("x", "1 − specificity"),
          y: rate("y", "sensitivity"),
          order: { field: "k" },
          color: { field: "label", type: "nominal", sort: null, scale: { domain: labels, range: colour }, legend },
          strokeDash: {
            field: "label",
            type: "nominal",
            sort: null,
            scale: { domain: labels, range: DASHES.slice(0, labels.length).reverse() },
            legend,
          },
        },
      },
    ],
  };
  const positive = last.classes[1]!;
  return {
    name: "roc",
    group: "ranking",
    caption: binary
      ? `ROC curves, positive class ${positive}. The dashed diagonal is chance.`
      : `ROC curves of ${modelName(last.model)}, each class against the rest. The dashed diagonal is chance.`,
    svg: await drawSvg(spec, {
      title: "ROC curves",
      description: `Sensitivity against 1 minus specificity. AUROC: ${labels.join("; ") || "undefined, a class is absent"}.`,
    }),
  };
}

const DASHES = [
  [1, 0],
  [7, 3],
  [2, 2],
  [9, 3, 2, 3],
  [12, 4],
  [4, 2, 1, 2],
];

/** Reliability plots: accuracy against confidence in bins of equal mass, one panel a model. */
export async function reliabilityFigure(summaries: readonly ModelSummary[]): Promise<Figure> {
  const panels = summaries.map((summary, i) => reliabilityPanel(summary, i));
  const bins = summaries.map(
    (summary) =>
      `${modelName(summary.model)}: ${summary.reliability.map((bin) => `${formatNumber(bin.confidence)} confident, ${formatNumber(bin.accuracy)} right`).join("; ")}`,
  );
  const count = summaries[0]?.reliability.length ?? 0;
  return {
    name: "reliability",
    group: "calibration",
    caption: `Reliability: share of correct predictions against mean confidence, ${count === 1 ? "one bin" : `${count} bins of equal mass`}, bars are 95 % Wilson intervals. On the diagonal, confidence is what it claims; below it, the model is overconfident.`,
    svg: await drawSvg(
      { columns: 3, spacing: 34, concat: panels },
      { title: "Reliability plots", description: `${bins.join(". ")}.` },
    ),
  };
}

function reliabilityPanel(summary: ModelSummary, index: number): Spec {
  const values = summary.reliability.map(({ confidence, accuracy, interval }) => ({
    confidence,
    accuracy,
    low: interval.low,
    high: interval.high,
  }));
  const least = Math.floor((10 * 1) / summary.classes.length) / 10;
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
  const colour = paletteOf(summary.model, index);
  return {
    title: `${modelName(summary.model)}, ECE ${formatNumber(summary.metrics.calibrationError.value)}`,
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
      { mark: { type: "rule", stroke: colour, strokeWidth: 1.5 }, encoding: { x, y: y("low"), y2: { field: "high" } } },
      {
        mark: { type: "line", stroke: colour, strokeWidth: 1.5, strokeOpacity: 0.6 },
        encoding: { x, y: y("accuracy") },
      },
      { mark: { type: "point", filled: true, size: 52, color: colour, opacity: 1 }, encoding: { x, y: y("accuracy") } },
    ],
  };
}
