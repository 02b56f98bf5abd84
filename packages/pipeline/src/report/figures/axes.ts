/** Elements that several figures share. */
import type { Band } from "@slicestack/stats";
import { INK, type Spec } from "../../page/drawing.js";

/** An axis of shares, 0..1. */
export function share(field: string, title: string | null, domain: readonly [number, number] = [0, 1]): Spec {
  return {
    field,
    type: "quantitative",
    title,
    scale: { domain, nice: false },
    axis: { tickCount: 5, format: domain[1] < 0.5 ? ".2f" : ".1f" },
  };
}

/** A dashed line through two points: chance, perfection, a base rate. */
export function dashed(
  from: readonly [number, number],
  to: readonly [number, number],
  x: Spec,
  y: Spec,
): Spec {
  return {
    data: { values: [from, to].map(([a, b]) => ({ [x["field"] as string]: a, [y["field"] as string]: b })) },
    mark: { type: "line", stroke: INK, strokeOpacity: 0.45, strokeDash: [4, 4], strokeWidth: 1 },
    encoding: { x, y },
  };
}

/** The area between the intervals of a curve. */
export function bandArea(band: Band, colour: string, x: Spec, y: Spec): Spec {
  const values = band.x.flatMap((at, k) => {
    const { low, high } = band.y[k]!.interval;
    return Number.isFinite(low) && Number.isFinite(high) ? [{ [x["field"] as string]: at, low, high }] : [];
  });
  return {
    data: { values },
    mark: { type: "area", color: colour, opacity: 0.16 },
    encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" } },
  };
}

export interface NamedCurve {
  name: string;
  colour: string;
  points: readonly { x: number; y: number }[];
}

export const DASHES = [[1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [12, 4], [4, 2, 1, 2], [3, 1]]; // prettier-ignore

/**
 * Lines that are distinguished by colour and dashes; the last one is solid.
 * @param orient position of the legend   @param step interpolation of steps, as for precision and recall
 */
export function curves(
  namedCurves: readonly NamedCurve[],
  x: Spec,
  y: Spec,
  legendTitle: string | null,
  step?: string,
  orient: "right" | "bottom" = "right",
): Spec {
  const values = namedCurves.flatMap(({ name, points }) =>
    points.map((point, k) => ({ name, k, [x["field"] as string]: point.x, [y["field"] as string]: point.y })),
  );
  const names = namedCurves.map(({ name }) => name);
  const legend = { title: legendTitle, orient, symbolSize: 220, symbolStrokeWidth: 2.5 };
  const scale = (range: unknown) => ({
    field: "name",
    type: "nominal",
    sort: null,
    scale: { domain: names, range },
    legend,
  });
  return {
    data: { values },
    mark: {
      type: "line",
      strokeWidth: 2.25,
      clip: false,
      ...(step === undefined ? {} : { interpolate: step }),
    },
    encoding: {
      x,
      y,
      order: { field: "k" },
      color: scale(namedCurves.map(({ colour }) => colour)),
      strokeDash: scale(names.map((_, i) => DASHES[(names.length - 1 - i) % DASHES.length])),
    },
  };
}
