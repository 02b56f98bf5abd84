/**
 * The affine map of one sample, composed of its drawn parts from output to input, so that values are interpolated once.
 * The order is rotation, crop and resize, then scale, shear and translation, which corresponds to torchvision's
 * RandomRotation, RandomResizedCrop and RandomAffine, here without rounding to pixels. Points are (x, y) of a slice or
 * (x, y, z) of a volume, in mm or pixels from its centre: columns, rows, slices.
 */
import type { Random } from "@slicestack/stats";
import type { AugmentConfig } from "../config/augment.js";
import { augmentations, optionsOf } from "./catalogue.js";
import { compose, identity, type Matrix } from "./matrix.js";
import { drawSamples, type Draws } from "./samples.js";
import type { AffineTransform, Sides } from "./transform.js";

type Part = Extract<(typeof augmentations)[number], { step: "affine" }>;

/** The transform of one sample; parts that were not drawn are absent. */
export type AffineDraw = { [P in Part as P["name"]]?: ReturnType<P["draw"]> };

const parts: readonly AffineTransform[] = augmentations.filter(
  (augmentation): augmentation is Part => augmentation.step === "affine",
);

/** One draw per sample; each part has a separate stream, so that disabling one does not change the others. */
export function drawAffine(
  config: Partial<AugmentConfig>,
  sides: readonly Sides[],
  random: Random,
): Draws<AffineDraw> {
  const drawn = parts.map((part) => drawPart(part, config, sides, random.fork(part.name)));
  return sides.map((_, sample) => {
    const entries = drawn.map((draws, k) => [parts[k]?.name, draws[sample]] as const);
    const chosen = entries.filter(([, draw]) => draw !== null);
    return chosen.length === 0 ? null : (Object.fromEntries(chosen) as AffineDraw);
  });
}

function drawPart(
  part: AffineTransform,
  config: Partial<AugmentConfig>,
  sides: readonly Sides[],
  random: Random,
): Draws<unknown> {
  const options = optionsOf(part, config);
  if (options === null) return sides.map(() => null);
  return drawSamples(sides.length, Number(options["probability"]), random, (k) =>
    part.draw(options, sides[k] ?? [], random),
  );
}

/** The map of a draw, from output to input points. */
export function affineMatrix(draw: AffineDraw, sides: Sides): Matrix {
  const drawn = new Map<string, unknown>(Object.entries(draw));
  const matrices = parts.flatMap((part) =>
    drawn.has(part.name) ? part.matrices(drawn.get(part.name), sides) : [],
  );
  return compose(identity(sides.length), ...matrices);
}

/**
 * The map in the coordinates of affineGrid: -1..1 from border to border of each axis.
 * @param order axes of the points in the order of the grid's coordinates, which begin with the tensor's last axis
 */
export function gridMatrix(matrix: Matrix, sides: Sides, order: readonly number[]): Matrix {
  const half = (axis: number) => sides[axis]! / 2;
  return order.map((row) => [
    ...order.map((column) => (matrix[row]![column]! * half(column)) / half(row)),
    matrix[row]![sides.length]! / half(row),
  ]);
}
