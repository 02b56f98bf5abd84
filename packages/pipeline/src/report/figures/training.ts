/** Training curves. */
import { drawSvg, INK, PALETTE, type Spec } from "../../page/drawing.js";
import { formatNumber } from "../../page/format.js";
import {
  chosenEpoch,
  selectionColumn,
  type SelectionMetric,
  type Selections,
} from "../../run/epoch-selection.js";
import type { TrainingRow } from "../../run/training-rows.js";
import type { Figure } from "./figure.js";

/** Names of the stages. */
const STAGE_NAMES: Record<string, string> = {
  slice: "slice stage",
  volume: "volume stage",
  fine_tune: "fine-tuning",
};

type Series = readonly (readonly [name: string, key: keyof TrainingRow, colour: string])[];

interface StageCurves {
  name: string;
  rows: readonly TrainingRow[];
  /** undefined if the configuration does not have the stage. */
  select: SelectionMetric | undefined;
  /** The epoch whose weights were kept. */
  chosen: TrainingRow | undefined;
}

/** Loss and scores on val by epoch, one row of panels per stage; the epoch that was kept is marked. */
export async function trainingFigure(rows: readonly TrainingRow[], selections: Selections): Promise<Figure> {
  const stages = [...new Set(rows.map((row) => row.stage))].map((stage): StageCurves => {
    const stageRows = rows.filter((row) => row.stage === stage);
    const select = selections[stage];
    const chosen = select === undefined ? undefined : chosenEpoch(stageRows, select);
    return { name: STAGE_NAMES[stage] ?? stage, rows: stageRows, select, chosen };
  });
  const panels = stages.flatMap((stage) => [
    curvePanel(stage, "loss", [
      ["train", "train_loss", PALETTE.grey],
      ["val", "val_loss", INK],
    ]),
    curvePanel(stage, "score on val", scoresOf(stage.select)),
  ]);
  const kept = stages.flatMap(({ name, rows: stageRows, select, chosen }) =>
    select === undefined || chosen === undefined
      ? []
      : [
          `${name}, epoch ${stageRows.indexOf(chosen) + 1} of ${stageRows.length}, by ${select.label} (${formatNumber(chosen[selectionColumn(select.name)] ?? NaN)})`,
        ],
  );
  const last = stages.map(({ name, rows: stageRows }) => {
    const [first, end] = [stageRows[0]!, stageRows.at(-1)!];
    return `${name}, ${stageRows.length} epochs: train loss ${formatNumber(first.train_loss)} to ${formatNumber(end.train_loss)}, val loss ${formatNumber(first.val_loss)} to ${formatNumber(end.val_loss)}, balanced accuracy on val at the end ${formatNumber(end.val_balanced_accuracy)}`;
  });
  const marked =
    kept.length === 0 ? "" : ` The dashed line marks the epoch whose weights were kept: ${kept.join("; ")}.`;
  return {
    name: "training",
    group: "training",
    caption: `Training curves by epoch. Scores are those on the validation part; the test part is not used in training.${marked}`,
    svg: await drawSvg(
      {
        columns: 2,
        spacing: { row: 34, column: 40 },
        concat: panels,
        resolve: { scale: { color: "independent", strokeDash: "independent" } },
      },
      {
        title: "Training curves",
        description: `${[...last, ...kept.map((text) => `kept: ${text}`)].join("; ")}.`,
      },
    ),
  };
}

/** The selection metric in the colour of the text, and others beside it. A loss is in the panel of losses. */
function scoresOf(select: SelectionMetric | undefined): Series {
  const others: Series = [
    ["balanced accuracy", "val_balanced_accuracy", PALETTE.grey],
    ["macro F1", "val_macro_f1", "#B0A080"],
  ];
  if (select === undefined || selectionColumn(select.name) === "val_loss") return others;
  const column = selectionColumn(select.name);
  return [[select.label, column, INK], ...others.filter(([, key]) => key !== column)];
}

function curvePanel({ name, rows, chosen }: StageCurves, what: string, series: Series): Spec {
  const epochs = rows.map((row) => row.epoch);
  const values = series.flatMap(([label, key]) =>
    rows.flatMap((row) =>
      Number.isFinite(row[key]) ? [{ epoch: row.epoch + 1, value: row[key], series: label }] : [],
    ),
  );
  const isScore = what !== "loss";
  const ticks = Math.max(1, Math.min(8, new Set(epochs).size - 1));
  const x = {
    field: "epoch",
    type: "quantitative",
    scale: { zero: false, nice: false, domain: [Math.min(...epochs) + 1, Math.max(...epochs) + 1] },
    axis: { tickMinStep: 1, format: "d", tickCount: ticks, grid: false },
  };
  const bySeries = (range: unknown) => ({
    field: "series",
    type: "nominal",
    sort: null,
    scale: { domain: series.map(([label]) => label), range },
    legend: { title: null, orient: "top" },
  });
  const mark = {
    data: { values: chosen === undefined ? [] : [{ epoch: chosen.epoch + 1 }] },
    mark: { type: "rule", stroke: INK, strokeDash: [4, 4], strokeOpacity: 0.55 },
    encoding: { x },
  };
  return {
    title: `${name}: ${what}`,
    width: 300,
    height: 170,
    layer: [
      mark,
      {
        data: { values },
        mark: { type: "line", strokeWidth: 2, point: rows.length <= 30 ? { size: 26 } : false },
        encoding: {
          x,
          y: {
            field: "value",
            type: "quantitative",
            title: null,
            scale: isScore ? scoreScale(values) : { zero: true },
          },
          color: bySeries(series.map(([, , colour]) => colour)),
          strokeDash: bySeries(
            series.map(
              (_, k) =>
                [
                  [1, 0],
                  [5, 3],
                  [2, 2],
                ][k],
            ),
          ),
        },
      },
    ],
  };
}

/** From 0 to 1; kappa can be below. */
function scoreScale(values: readonly { value: unknown }[]): Spec {
  return { domain: [Math.min(0, ...values.map(({ value }) => Number(value))), 1] };
}
