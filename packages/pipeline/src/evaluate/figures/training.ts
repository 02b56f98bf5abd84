/** Training curves. */
import { drawSvg, PALETTE, type Spec } from "../../page/drawing.js";
import type { Figure } from "./figure.js";
import { formatNumber } from "../report/tables.js";
import type { TrainingRow } from "../training-rows.js";

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
      {
        columns: 2,
        spacing: { row: 34, column: 40 },
        concat: panels,
        resolve: { scale: { color: "independent", strokeDash: "independent" } },
      },
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
