/** The figures of a report: what is drawn, for which models, with caption and text alternative. */
import { drawSvg, INK, paletteOf, PALETTE, type Spec } from "./drawing.js";
import { normaliseRows } from "./metrics.js";
import { wilson, type Estimate } from "./statistics.js";
import type { ModelDifference, ModelSummary } from "./summary.js";
import { differenceName, formatEstimate, formatNumber, formatSigned, headlineMetrics } from "./tables.js";
import { METRIC_NAMES, modelName, SHORT_NAMES } from "./tables.js";
import type { TrainingRow } from "./training-rows.js";

/** Where a figure belongs in the report. */
export type FigureGroup = "models" | "differences" | "confusion" | "ranking" | "calibration" | "training";

export interface Figure {
  /** file name without extension, e.g. "confusion_2.5d" */
  name: string;
  group: FigureGroup;
  caption: string;
  svg: string;
}

/** Draws all figures of a report; training curves only where there are rows. */
export async function drawFigures(
  summaries: readonly ModelSummary[],
  differences: readonly ModelDifference[],
  training: readonly TrainingRow[],
): Promise<Figure[]> {
  const informed = summaries.filter(({ model }) => model !== "majority");
  const figures: (Promise<Figure> | undefined)[] = [
    forestFigure(summaries),
    differences.length > 0 ? differenceFigure(differences) : undefined,
    ...informed.map(confusionFigure),
    rocFigure(informed),
    reliabilityFigure(informed),
    training.length > 0 ? trainingFigure(training) : undefined,
  ];
  return Promise.all(figures.filter((figure) => figure !== undefined));
}

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
  const ink = { condition: { test: "datum.share > 0.5", value: "#ffffff" }, value: "#1b1f24" };
  const cell = classes.length <= 3 ? 84 : 64;
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
            scale: { domain: [0, 1], range: ["#eef3f8", "#7fb2d9", "#0b4f86"] },
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
    caption: `${modelName(summary.model)}: volumes by true and predicted class, with the share of the true class.`,
    svg: await drawSvg(spec, {
      title: `Confusion matrix, ${modelName(summary.model)}`,
      description: `True class and predictions. ${rows.join("; ")}.`,
    }),
  };
}

/** Loss, balanced accuracy and macro F1 by epoch, one row of panels a stage. */
export async function trainingFigure(rows: readonly TrainingRow[]): Promise<Figure> {
  const stages = [...new Set(rows.map((row) => row.stage))];
  const panels = stages.flatMap((stage) => {
    const own = rows.filter((row) => row.stage === stage);
    return [
      curvePanel(own, `${stage} stage: loss`, [
        ["train", "train_loss"],
        ["val", "val_loss"],
      ]),
      curvePanel(own, `${stage} stage: score on val`, [
        ["balanced accuracy", "val_balanced_accuracy"],
        ["macro F1", "val_macro_f1"],
      ]),
    ];
  });
  const last = stages.map((stage) => {
    const own = rows.filter((row) => row.stage === stage);
    const end = own[own.length - 1]!;
    return `${stage} stage, ${own.length} epochs: train loss ${formatNumber(own[0]!.train_loss)} to ${formatNumber(end.train_loss)}, val loss ${formatNumber(own[0]!.val_loss)} to ${formatNumber(end.val_loss)}, balanced accuracy on val at the end ${formatNumber(end.val_balanced_accuracy)}`;
  });
  return {
    name: "training",
    group: "training",
    caption: "Training curves by epoch. Scores are of the validation part; the test part plays no role in training.",
    svg: await drawSvg(
      { columns: 2, spacing: { row: 34, column: 40 }, concat: panels, resolve: { scale: { color: "independent" } } },
      { title: "Training curves", description: `${last.join("; ")}.` },
    ),
  };
}

function curvePanel(
  rows: readonly TrainingRow[],
  title: string,
  series: readonly (readonly [string, keyof TrainingRow])[],
): Spec {
  const values = series.flatMap(([name, key]) =>
    rows.flatMap((row) => (Number.isFinite(row[key]) ? [{ epoch: row.epoch, value: row[key], series: name }] : [])),
  );
  const names = series.map(([name]) => name);
  const score = title.endsWith("val");
  const ticks = Math.max(1, Math.min(8, new Set(rows.map((row) => row.epoch)).size - 1));
  return {
    title,
    width: 300,
    height: 170,
    data: { values },
    mark: { type: "line", strokeWidth: 2, point: rows.length <= 30 ? { size: 26 } : false },
    encoding: {
      x: {
        field: "epoch",
        type: "quantitative",
        scale: { zero: false, nice: false },
        axis: { tickMinStep: 1, format: "d", tickCount: ticks, grid: false },
      },
      y: { field: "value", type: "quantitative", title: null, scale: score ? { domain: [0, 1] } : { zero: true } },
      color: {
        field: "series",
        type: "nominal",
        sort: null,
        scale: { domain: names, range: score ? [PALETTE.green, PALETTE.purple] : [PALETTE.vermillion, PALETTE.blue] },
        legend: { title: null, orient: "top" },
      },
      strokeDash: {
        field: "series",
        type: "nominal",
        sort: null,
        scale: {
          domain: names,
          range: [
            [1, 0],
            [5, 3],
          ],
        },
        legend: { title: null, orient: "top" },
      },
    },
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
            scale: { domain: labels, range: DASHES.slice(0, labels.length) },
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
  const values = summary.reliability.map(({ count, confidence, accuracy }) => {
    const { low, high } = wilson(accuracy * count, count);
    return { confidence, accuracy, low, high };
  });
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

/** One line of a forest plot. */
interface ForestRow {
  label: string;
  estimate: Estimate;
  colour: string;
}

/** Models side by side: a panel a headline metric, a dot and its interval a model, the chance level dashed. */
export async function forestFigure(summaries: readonly ModelSummary[]): Promise<Figure> {
  const classes = summaries[0]!.classes.length;
  const chance = { balancedAccuracy: 1 / classes, auroc: 0.5, quadraticKappa: 0 };
  const metrics = headlineMetrics(summaries[0]!);
  const panels = metrics.map((name, i) => {
    const rows = summaries.map((summary, k) => ({
      label: modelName(summary.model),
      estimate: summary.metrics[name],
      colour: paletteOf(summary.model, k),
    }));
    const low = Math.min(0, ...finite(rows.map(({ estimate }) => estimate.interval.low)));
    const reference = name in chance ? chance[name as keyof typeof chance] : undefined;
    return forestPanel(SHORT_NAMES[name] ?? METRIC_NAMES[name], rows, [low, 1], reference, i % 2 === 0);
  });
  const spoken = summaries.map(
    (summary) =>
      `${modelName(summary.model)}: ${metrics.map((name) => `${SHORT_NAMES[name]} ${formatEstimate(summary.metrics[name])}`).join(", ")}`,
  );
  return {
    name: "models",
    group: "models",
    caption: "Each model with its interval. The dashed line is what chance gives, where that is one number.",
    svg: await drawSvg(
      { columns: 2, spacing: { row: 30, column: 36 }, concat: panels },
      { title: "Models compared", description: `${spoken.join("; ")}.` },
    ),
  };
}

/** Paired differences: a panel a headline metric; an interval that crosses the dashed zero shows no difference. */
export async function differenceFigure(differences: readonly ModelDifference[]): Promise<Figure> {
  const ordinal = Number.isFinite(differences[0]!.metrics.quadraticKappa.value);
  const metrics = headlineMetrics({ ordinal });
  const bounds = metrics.flatMap((name) =>
    differences.flatMap(({ metrics: own }) => [own[name].value, own[name].interval.low, own[name].interval.high]),
  );
  const reach = Math.min(2, Math.ceil(10 * Math.max(0.1, ...finite(bounds).map(Math.abs))) / 10);
  const panels = metrics.map((name, i) => {
    const rows = differences.map((difference) => ({
      label: differenceName(difference),
      estimate: difference.metrics[name],
      colour: PALETTE.blue,
    }));
    return forestPanel(SHORT_NAMES[name] ?? METRIC_NAMES[name], rows, [-reach, reach], 0, i % 2 === 0);
  });
  const spoken = differences.map(
    (difference) =>
      `${differenceName(difference)}: ${metrics.map((name) => `${SHORT_NAMES[name]} ${formatEstimate(difference.metrics[name], formatSigned)}`).join(", ")}`,
  );
  return {
    name: "differences",
    group: "differences",
    caption:
      "Paired differences. Where the interval crosses the dashed zero, this test set does not show which is better.",
    svg: await drawSvg(
      { columns: 2, spacing: { row: 30, column: 36 }, concat: panels },
      { title: "Paired differences", description: `${spoken.join("; ")}.` },
    ),
  };
}

function finite(values: readonly number[]): number[] {
  return values.filter(Number.isFinite);
}

function forestPanel(
  title: string,
  rows: readonly ForestRow[],
  domain: readonly [number, number],
  reference: number | undefined,
  labelled: boolean,
): Spec {
  const values = rows
    .filter(({ estimate }) => Number.isFinite(estimate.value))
    .map(({ label, estimate, colour }) => ({
      label,
      colour,
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
    axis: { labels: labelled, ticks: false, domain: false, grid: false },
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
        mark: { type: "point", filled: true, size: 80, opacity: 1 },
        encoding: { x: x("value"), y, color },
      },
    ],
  };
}
