/** The decision curve. */
import type { DecisionCurve } from "@slicestack/stats";
import { colourOf, drawSvg, INK, PALETTE } from "../../page/drawing.js";
import { formatEstimate } from "../../page/format.js";
import { modelName } from "../../evaluate/metric-names.js";
import { bandArea, curves, share } from "./axes.js";
import type { Figure } from "./figure.js";

export async function benefitFigure(model: string, curve: DecisionCurve): Promise<Figure> {
  const { threshold, treatAll, treatNone } = curve;
  const values = [...curve.model.flatMap(({ value, interval }) => [value, interval.high]), ...treatAll];
  const top = Math.max(0.05, ...values.filter(Number.isFinite));
  const floor = -top / 3;
  // The curve of acting on all falls without bound: points below the panel are cut off.
  const above = (ys: readonly number[]) =>
    threshold.flatMap((x, k) => (ys[k]! >= floor ? [{ x, y: ys[k]! }] : []));
  const x = share("x", "threshold probability");
  const y = {
    field: "y",
    type: "quantitative",
    title: "net benefit",
    scale: { domain: [floor, top], nice: false },
    axis: { tickCount: 5, format: ".2f" },
  };
  const colour = colourOf(model);
  const band = {
    x: threshold,
    y: curve.model.map(({ value, interval }) => ({
      value,
      interval: { ...interval, low: Math.max(floor, interval.low), high: Math.max(floor, interval.high) },
    })),
  };
  const namedCurves = [
    { name: "act on all", colour: INK, points: above(treatAll) },
    { name: "act on none", colour: PALETTE.grey, points: above(treatNone) },
    { name: modelName(model), colour, points: above(curve.model.map(({ value }) => value)) },
  ];
  const benefits = [0.1, 0.2, 0.3, 0.5].flatMap((at) => {
    const k = threshold.findIndex((value) => Math.abs(value - at) < 1e-9);
    return k < 0
      ? []
      : [`${formatEstimate(curve.model[k]!)} at ${at}, gain ${formatEstimate(curve.gain[k]!)}`];
  });
  return {
    name: "decision_curve",
    group: "benefit",
    caption: `Decision curve of ${modelName(model)} with its 95 % band, compared with acting on all volumes and on none. Where it is above both, acting on the model helps.`,
    svg: await drawSvg(
      { width: 420, height: 220, layer: [bandArea(band, colour, x, y), curves(namedCurves, x, y, null)] },
      { title: "Decision curve", description: `Net benefit of ${modelName(model)}: ${benefits.join("; ")}.` },
    ),
  };
}
