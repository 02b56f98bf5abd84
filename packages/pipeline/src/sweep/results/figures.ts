/** The figures of a sweep: history, effect of keys, slices, parallel coordinates. */
import { drawSvg, INK, PALETTE, type Spec } from "../../page/drawing.js";
import { METRIC_NAMES, SHORT_NAMES } from "../../evaluate/metric-names.js";
import type { StudyPage } from "../../report/study-page.js";
import { shownValue } from "../plan-text.js";
import type { RankedPoint, SweepOutcome } from "./outcome.js";

type Drawn = StudyPage["figures"][number];

/** The most keys in the slices and parallel coordinates: those with the largest effects. */
const MOST_KEYS = 9;
/** The most lines in the parallel coordinates: the best points, and others at evenly spaced ranks. */
const MOST_LINES = 150;
const SIZE = { width: 200, height: 170 };

/** The figures, in the order of the page; none for fewer than two scored points. */
export async function sweepFigures(outcome: SweepOutcome): Promise<Record<string, Drawn>> {
  const scored = outcome.ranking.filter(({ rank }) => rank !== null);
  if (scored.length < 2) return {};
  const shown = shownFeatures(outcome);
  const history = { history: await historyFigure(outcome, scored) };
  const effects = outcome.effects === null ? {} : { effects: await effectsFigure(outcome.effects) };
  if (shown.length === 0) return { ...history, ...effects };
  const slices = { slices: await slicesFigure(outcome, scored, shown) };
  if (shown.length < 2) return { ...history, ...effects, ...slices };
  return { ...history, ...effects, ...slices, parallel: await parallelFigure(outcome, scored, shown) };
}

const metricOf = ({ objective }: SweepOutcome): string => SHORT_NAMES[objective] ?? METRIC_NAMES[objective];

const quantitative = (field: string, title: string | null, more: Record<string, unknown> = {}) => ({
  field,
  type: "quantitative",
  title,
  scale: { zero: false, nice: true },
  ...more,
});

async function historyFigure(outcome: SweepOutcome, scored: readonly RankedPoint[]): Promise<Drawn> {
  const inOrder = [...scored].sort((a, b) => a.point.number - b.point.number);
  let best = inOrder[0]!.objective!;
  const values = inOrder.map(({ point, objective }) => {
    best = outcome.minimizes ? Math.min(best, objective!) : Math.max(best, objective!);
    return { number: point.number, objective, best, kind: "point" };
  });
  const x = quantitative("number", "point, in the order of the search", {
    axis: { format: "d", tickMinStep: 1 },
  });
  const metric = metricOf(outcome);
  return {
    caption: `Each point's ${metric} on the validation set, and the best one so far as a line.`,
    svg: await drawSvg(
      {
        width: 520,
        height: 220,
        data: { values },
        layer: [
          {
            mark: { type: "line", interpolate: "step-after", stroke: PALETTE.blue, strokeWidth: 2 },
            encoding: { x, y: quantitative("best", metric) },
          },
          {
            mark: { type: "point", filled: true, size: 40, color: PALETTE.orange, opacity: 0.9 },
            encoding: { x, y: quantitative("objective", metric) },
          },
        ],
      },
      {
        title: `History of ${outcome.name}`,
        description: `${scored.length} points; the best ${metric} is ${best.toFixed(3)}, reached by point ${outcome.best?.point.number ?? "none"}.`,
      },
    ),
  };
}

async function effectsFigure(effects: NonNullable<SweepOutcome["effects"]>): Promise<Drawn> {
  const values = effects.importances.map(({ name, share }) => ({ name, share }));
  const most = Math.max(0.1, ...values.map(({ share }) => share));
  const explained = Math.round(100 * effects.explained);
  return {
    caption: `Effect of each key: permutation importance in a random forest over the points, as a share of the variance of the objective. The forest explains ${explained} % of the variance for points that it has not seen${explained <= 10 ? ", so these effects cannot be distinguished from chance" : ""}.`,
    svg: await drawSvg(
      {
        width: 420,
        height: { step: 24 },
        data: { values },
        mark: { type: "bar", color: PALETTE.blue, height: 12 },
        encoding: {
          x: quantitative("share", "increase in squared error when the key is shuffled", {
            scale: { domain: [0, most], nice: true },
            axis: { format: ".0%", tickCount: 5 },
          }),
          y: {
            field: "name",
            type: "nominal",
            sort: null,
            title: null,
            axis: { ticks: false, labelPadding: 8, domain: false, labelLimit: 220 },
          },
        },
      },
      {
        title: "Effect of each key",
        description: `${values.map(({ name, share }) => `${name} ${(100 * share).toFixed(0)} %`).join("; ")}.`,
      },
    ),
  };
}

/** The keys with the largest effects, else the first ones. */
function shownFeatures({ features, effects }: SweepOutcome): SweepOutcome["features"] {
  if (effects === null) return features.slice(0, MOST_KEYS);
  const order = effects.importances.map(({ name }) => name);
  return [...features].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name)).slice(0, MOST_KEYS);
}

async function slicesFigure(
  outcome: SweepOutcome,
  scored: readonly RankedPoint[],
  shown: SweepOutcome["features"],
): Promise<Drawn> {
  const panels = shown.map(({ name, kind, values, labels, log }, k): Spec => {
    const rows = scored.flatMap(({ objective, rank }, row) => {
      const value = values[row]!;
      if (Number.isNaN(value)) return [];
      return [{ value: kind === "choice" ? labels![value] : value, objective, isBest: rank === 1 }];
    });
    const y = quantitative("objective", k % 3 === 0 ? metricOf(outcome) : null);
    const x =
      kind === "choice"
        ? {
            field: "value",
            type: "nominal",
            title: null,
            sort: null,
            scale: { domain: labels, padding: 0.5 },
            axis: { labelAngle: labels!.join("").length > 18 ? -40 : 0, labelLimit: 110, grid: false },
          }
        : quantitative("value", null, {
            scale: log ? { type: "log", nice: false, padding: 8 } : { zero: false, nice: false, padding: 8 },
            axis: { tickCount: 3, format: log ? ".0e" : ".3~g", grid: false },
          });
    return {
      title: name,
      ...SIZE,
      data: { values: rows },
      mark: { type: "point", filled: true, size: 42, opacity: 0.75 },
      encoding: {
        x,
        y,
        color: { condition: { test: "datum.isBest", value: PALETTE.vermillion }, value: PALETTE.blue },
      },
    };
  });
  return {
    caption: `Slices: the objective over each key; the best point is vermillion. Points in which a key takes no part are absent from its panel.`,
    svg: await drawSvg(
      { columns: 3, spacing: { row: 34, column: 30 }, concat: panels },
      {
        title: "Slices",
        description: `The objective over ${shown.map(({ name }) => name).join(", ")}; the table has the numbers.`,
      },
    ),
  };
}

async function parallelFigure(
  outcome: SweepOutcome,
  scored: readonly RankedPoint[],
  shown: SweepOutcome["features"],
): Promise<Drawn> {
  const step = Math.max(1, scored.length / MOST_LINES);
  const rows = Array.from({ length: Math.min(MOST_LINES, scored.length) }, (_, k) => Math.floor(k * step));
  const axes = [...shown.map((feature) => axisOf(feature)), objectiveAxis(outcome, scored)];
  const values = rows.flatMap((row) =>
    axes.flatMap(({ name, at }) => {
      const height = at(row);
      return Number.isNaN(height)
        ? []
        : [
            {
              key: name,
              height,
              line: row,
              place: 1 - row / Math.max(1, scored.length - 1),
              isBest: row === 0,
            },
          ];
    }),
  );
  const order = axes.map(({ name }) => name);
  const x = {
    field: "key",
    type: "nominal",
    sort: null,
    title: null,
    scale: { type: "point", domain: order, padding: 0.4 },
    axis: { orient: "bottom", labelAngle: -25, labelLimit: 160, domain: false, grid: true, gridOpacity: 0.4 },
  };
  const y = {
    field: "height",
    type: "quantitative",
    title: null,
    scale: { domain: [-0.08, 1.08], nice: false },
    axis: null,
  };
  const ends = axes.flatMap(({ name, labels }) =>
    labels.map(({ text, height }) => ({ key: name, height, text })),
  );
  return {
    caption: `Parallel coordinates: each line is a point, with the values of its keys and its objective on the right. Better points are drawn more strongly; the best is vermillion.${scored.length > rows.length ? ` ${rows.length} of ${scored.length} points are drawn.` : ""}`,
    svg: await drawSvg(
      {
        width: Math.min(760, 110 * axes.length),
        height: 260,
        layer: [
          {
            data: { values },
            mark: { type: "line", strokeWidth: 1.4 },
            encoding: {
              x,
              y,
              detail: { field: "line" },
              opacity: {
                field: "place",
                type: "quantitative",
                scale: { domain: [0, 1], range: [0.08, 0.75] },
                legend: null,
              },
              color: { value: PALETTE.blue },
            },
          },
          {
            data: { values: values.filter(({ isBest }) => isBest) },
            mark: {
              type: "line",
              strokeWidth: 2.6,
              color: PALETTE.vermillion,
              point: { filled: true, size: 36, color: PALETTE.vermillion },
            },
            encoding: { x, y },
          },
          {
            data: { values: ends },
            mark: { type: "text", fontSize: 11, color: INK, align: "left", dx: 5, limit: 96 },
            encoding: { x, y, text: { field: "text" } },
          },
        ],
      },
      {
        title: "Parallel coordinates",
        description: `The best point: ${
          outcome.best === null
            ? "none"
            : Object.entries(outcome.best.point.settings)
                .map(([key, value]) => `${key} ${shownValue(value)}`)
                .join(", ")
        }.`,
      },
    ),
  };
}

interface ParallelAxis {
  name: string;
  /** Height of a row's value, 0..1; NaN where the key takes no part. */
  at: (row: number) => number;
  labels: { text: string; height: number }[];
}

function axisOf({ name, kind, values, labels, log }: SweepOutcome["features"][number]): ParallelAxis {
  if (kind === "choice") {
    const height = (code: number) => (labels!.length === 1 ? 0.5 : code / (labels!.length - 1));
    const shown = labels!.map((text, code) => ({ text, height: height(code) }));
    return {
      name,
      at: (row) => height(values[row]!),
      labels: shown.length > 8 ? [shown[0]!, shown.at(-1)!] : shown,
    };
  }
  const scaled = (value: number) => (log ? Math.log(value) : value);
  const present = values.filter((value) => !Number.isNaN(value));
  const [low, high] = [Math.min(...present), Math.max(...present)];
  const height = (value: number) => (scaled(value) - scaled(low)) / (scaled(high) - scaled(low));
  const ends = [low, high].map((value) => ({ text: shownValue(value), height: height(value) }));
  return { name, at: (row) => height(values[row]!), labels: ends };
}

function objectiveAxis(outcome: SweepOutcome, scored: readonly RankedPoint[]): ParallelAxis {
  const values = scored.map(({ objective }) => objective!);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const height = (value: number) => (high === low ? 0.5 : (value - low) / (high - low));
  const ends = [...new Set([low, high])].map((value) => ({ text: value.toFixed(3), height: height(value) }));
  return { name: metricOf(outcome), at: (row) => height(values[row]!), labels: ends };
}
