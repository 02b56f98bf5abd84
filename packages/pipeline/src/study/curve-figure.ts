/** The figure of a learning curve: one panel per metric, with a line and a band of intervals per variant. */
import type { MetricName } from "@slicestack/stats";
import { coloursOf, drawSvg, type Spec } from "../page/drawing.js";
import { bandArea, curves, share as axisOf } from "../report/figures/axes.js";
import type { Figure } from "../report/figures/figure.js";
import { METRIC_NAMES, SHORT_NAMES } from "../evaluate/metric-names.js";
import type { LearningCurve } from "./learning-curve-results.js";

const SIZE = { width: 260, height: 240 };

export async function curveFigure({
  ablation,
  part,
  points,
}: LearningCurve): Promise<Pick<Figure, "caption" | "svg">> {
  const metrics = ablation.metrics.filter(
    (name) => points[0]!.comparison.methods[0]!.metrics[name] !== undefined,
  );
  const names = ablation.variants.map(({ name }) => name);
  const colours = coloursOf(names);
  const panels = metrics.map((metric): Spec => {
    const estimated = names.map((name) => ({
      name,
      colour: colours.get(name)!,
      estimates: estimatesOf(points, name, metric),
    }));
    const bounds = estimated
      .flatMap(({ estimates }) =>
        estimates.flatMap(({ value, interval: { low, high } }) => [value, low, high]),
      )
      .filter(Number.isFinite);
    const [low, high] = [Math.floor(20 * Math.min(...bounds)) / 20, Math.ceil(20 * Math.max(...bounds)) / 20];
    const y = {
      ...axisOf("y", SHORT_NAMES[metric] ?? METRIC_NAMES[metric], [low, high]),
      axis: { tickCount: 5, format: ".2f" },
    };
    const at = points.map(({ volumes }) => volumes);
    const x = {
      field: "x",
      type: "quantitative",
      title: "labelled training volumes",
      scale: { type: "log", domain: [at[0]! / 1.15, at.at(-1)! * 1.15], nice: false },
      axis: { values: at.map(Math.round), format: "d", grid: false },
    };
    const bands = estimated.map(({ estimates, colour }) => bandArea({ x: at, y: estimates }, colour, x, y));
    const lines = estimated.map(({ name, colour, estimates }) => ({
      name,
      colour,
      points: estimates.map(({ value }, k) => ({ x: at[k]!, y: value })),
    }));
    return { ...SIZE, layer: [...bands, curves(lines, x, y, null)] };
  });
  const descriptions = names.map((name) => {
    const values = estimatesOf(points, name, metrics[0]!).map(
      ({ value }, k) => `${value.toFixed(3)} at ${Math.round(points[k]!.volumes)}`,
    );
    return `${name}: ${values.join(", ")}`;
  });
  return {
    caption: `Learning curve on ${part}: mean over seeds, bands are 95 % intervals over subjects; the horizontal axis is logarithmic.`,
    svg: await drawSvg(
      { columns: 2, spacing: { row: 30, column: 36 }, concat: panels },
      {
        title: `Learning curve of ${ablation.name}`,
        description: `${SHORT_NAMES[metrics[0]!] ?? METRIC_NAMES[metrics[0]!]} by labelled training volumes. ${descriptions.join("; ")}.`,
      },
    ),
  };
}

function estimatesOf(points: LearningCurve["points"], name: string, metric: MetricName) {
  return points.map(
    ({ comparison }) => comparison.methods.find((one) => one.name === name)!.metrics[metric]!.mean,
  );
}
