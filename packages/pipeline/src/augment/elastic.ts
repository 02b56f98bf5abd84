/**
 * Elastic deformation: free-form, by cubic B-splines over a grid of control points that each move at random.
 * Rueckert, Sonoda, Hayes, Hill, Leach, Hawkes, IEEE Transactions on Medical Imaging 18(8), 1999. While no control
 * point moves more than 0.48 (2D) or 0.40 (3D) intervals along an axis, the map does not fold: Choi & Lee, Graphical Models 62, 2000.
 * n samples, A axes of a sample (2 or 3), G control points along each.
 */
import { fromTypedArray, scope, type Tensor } from "@slicestack/torch";
import type { Random } from "@slicestack/stats";
import { z } from "zod";
import { key } from "../config/notes.js";
import { probability, range } from "./option-ranges.js";
import { drawSamples, within, type Draws } from "./samples.js";
import { defineField } from "./transform.js";

/** Moves of the control points in intervals: A x G x … x G, row-major; first the component along the last axis. */
export interface ElasticDraw {
  intervals: number;
  moves: Float64Array;
}

export const elastic = defineField({
  name: "elastic",
  source: "Rueckert et al., IEEE Transactions on Medical Imaging 18(8), 1999",
  architecture: "free-form deformation by cubic B-splines",
  options: z.strictObject({
    probability: probability(0.3),
    intervals: key(
      z.int().min(1).max(32).default(4),
      "a whole number from 1 to 32",
      "Intervals between control points along each axis; more intervals give smaller waves",
    ),
    displacement: range(
      [0, 0.4],
      [0.1, 0.3],
      "Largest displacement of a control point, as a share of an interval; up to 0.4 the image does not fold",
    ),
  }),
  presets: { strong: {} },
});

export function drawElastic(
  { probability, intervals, displacement }: z.output<(typeof elastic)["options"]>,
  batch: number,
  dims: number,
  random: Random,
): Draws<ElasticDraw> {
  const points = dims * (intervals + 3) ** dims;
  return drawSamples(batch, probability, random, () => {
    const furthest = within(random, displacement);
    return {
      intervals,
      moves: Float64Array.from({ length: points }, () => random.uniform(-furthest, furthest)),
    };
  });
}

/**
 * The displacement of each point of the output, in the coordinates of affineGrid.
 * @param like the samples, n x C x spatial; its dtype and device are used   @returns n x spatial x A
 */
export function displacements(draws: readonly ElasticDraw[], like: Tensor): Tensor {
  return scope(() => {
    const sizes = like.shape.slice(2);
    const dims = sizes.length;
    const [{ intervals } = { intervals: 1 }] = draws;
    const points = new Array<number>(dims).fill(intervals + 3);
    const length = dims * (intervals + 3) ** dims;
    const moves = new Float64Array(draws.length * length);
    draws.forEach((draw, k) => moves.set(draw.moves, k * length));
    const options = { dtype: like.dtype, device: like.device };
    // An interval is 2 / intervals of the grid's -1..1.
    let field = fromTypedArray(moves, [draws.length, dims, ...points], options).mul(2 / intervals);
    for (let axis = dims - 1; axis >= 0; axis--) {
      const size = sizes[axis] ?? 1;
      const basis_GS = fromTypedArray(splineBasis(size, intervals), [intervals + 3, size], options);
      // The last axis is mapped from control points to pixels and moved before the others, until all axes are done.
      field = field
        .matmul(basis_GS)
        .permute(0, 1, dims + 1, ...Array.from({ length: dims - 1 }, (_, k) => k + 2));
    }
    return field.permute(0, ...Array.from({ length: dims }, (_, k) => k + 2), 1);
  });
}

/** Weight of each control point for each pixel, G x size: the uniform cubic B-spline, with pixels at the centres of equal intervals. */
export function splineBasis(size: number, intervals: number): Float64Array {
  const basis = new Float64Array((intervals + 3) * size);
  for (let pixel = 0; pixel < size; pixel++) {
    const position = ((pixel + 0.5) / size) * intervals;
    const first = Math.min(intervals - 1, Math.floor(position));
    const t = position - first;
    const weights = [(1 - t) ** 3, 3 * t ** 3 - 6 * t ** 2 + 4, -3 * t ** 3 + 3 * t ** 2 + 3 * t + 1, t ** 3];
    weights.forEach((weight, k) => (basis[(first + k) * size + pixel] = weight / 6));
  }
  return basis;
}
