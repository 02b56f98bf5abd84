/**
 * Rotation, crop, translation, scale and shear of one sample, composed into one map from output to input, so that values
 * are interpolated once. In order: the sample is turned, cropped and stretched, then scaled, slanted and moved, which is
 * what torchvision's RandomRotation, RandomResizedCrop and RandomAffine do one after the other, here without rounding to
 * pixels. Points are (x, y) of a slice or (x, y, z) of a volume, in mm or pixels from its middle: columns, rows, slices.
 */
import type { Random } from "@slicestack/stats";
import type { AugmentConfig } from "../config/augment.js";
import { compose, pairsOf, scaleBy, shiftBy, slant, turn, type Matrix } from "./matrix.js";
import { within, withinRatio, type Draws } from "./samples.js";

/** What happens to one sample; a part that was not drawn is absent. */
export interface AffineDraw {
  /** Degrees: in the plane of the slice, counter-clockwise; of a volume also from y and from x towards z. */
  rotation?: readonly number[];
  /** What is kept, and where its middle lies from that of the sample: shares of each side. */
  crop?: { kept: readonly number[]; middle: readonly number[] };
  /** Shares of each side: to the right, down, towards higher slices. */
  translation?: readonly number[];
  scale?: number;
  /** Degrees, one for each pair of axes. */
  shear?: readonly number[];
}

type Affine = Pick<AugmentConfig, "rotation" | "crop" | "translation" | "scale" | "shear">;
type Crop = NonNullable<AugmentConfig["crop"]>;
/** Lengths of the sides of one sample along x, y (and z), in mm or pixels. */
export type Sides = readonly number[];

/** One draw a sample; each part has a stream of its own, so that switching one off leaves the others as they were. */
export function drawAffine(config: Affine, sides: readonly Sides[], random: Random): Draws<AffineDraw> {
  const streams = {
    rotation: random.fork("rotation"),
    crop: random.fork("crop"),
    translation: random.fork("translation"),
    scale: random.fork("scale"),
    shear: random.fork("shear"),
  };
  return sides.map((each) => drawOne(config, each, streams));
}

function drawOne(config: Affine, sides: Sides, streams: Record<keyof Affine, Random>): AffineDraw | null {
  const dims = sides.length;
  const draw: AffineDraw = {};
  const meets = (part: keyof Affine) => streams[part].chance(config[part]?.probability ?? 0);
  if (config.rotation !== null && meets("rotation")) {
    const { degrees, tilt } = config.rotation;
    draw.rotation = (dims === 2 ? [degrees] : [degrees, tilt, tilt]).map((range) => within(streams.rotation, range));
  }
  if (config.crop !== null && meets("crop")) draw.crop = drawCrop(config.crop, sides, streams.crop);
  if (config.translation !== null && meets("translation")) {
    const { share } = config.translation;
    draw.translation = sides.map(() => within(streams.translation, share));
  }
  if (config.scale !== null && meets("scale")) draw.scale = within(streams.scale, config.scale.factor);
  if (config.shear !== null && meets("shear")) {
    const { degrees } = config.shear;
    draw.shear = pairsOf(dims).map(() => within(streams.shear, degrees));
  }
  return Object.keys(draw).length === 0 ? null : draw;
}

/**
 * As torchvision's RandomResizedCrop: an area and an aspect that fit into the slice are looked for ten times, then the
 * largest crop of the nearest aspect is taken. A volume loses slices as it loses rows and columns.
 */
function drawCrop({ area, aspect }: Crop, [width = 1, height = 1, ...depth]: Sides, random: Random) {
  let [x, y] = [0, 0];
  for (let attempt = 0; attempt < 10 && x === 0; attempt++) {
    const size = within(random, area) * width * height;
    const ratio = withinRatio(random, aspect);
    const [across, down] = [Math.sqrt(size * ratio), Math.sqrt(size / ratio)];
    if (across <= width && down <= height) [x, y] = [across / width, down / height];
  }
  if (x === 0) {
    const nearest = Math.min(Math.max(width / height, aspect[0]), aspect[1]);
    [x, y] = [Math.min(1, (nearest * height) / width), Math.min(1, width / nearest / height)];
  }
  const kept = [x, y, ...depth.map(() => Math.sqrt(within(random, area)))];
  return { kept, middle: kept.map((share) => random.uniform(-0.5, 0.5) * (1 - share)) };
}

/** The map of a draw, from output to input points. */
export function affineMatrix(draw: AffineDraw, sides: Sides): Matrix {
  const dims = sides.length;
  const { rotation = [], crop, translation = [], scale = 1, shear = [] } = draw;
  const axes = sides.map((_, axis) => axis);
  const turns =
    dims === 2
      ? ([[0, 1]] as const)
      : ([
          [0, 1],
          [1, 2],
          [0, 2],
        ] as const);
  return compose(
    ...turns.map(([from, to], k) => turn(dims, from, to, rotation[k] ?? 0)),
    shiftBy(sides.map((side, axis) => (crop?.middle[axis] ?? 0) * side)),
    scaleBy(axes.map((axis) => crop?.kept[axis] ?? 1)),
    scaleBy(axes.map(() => 1 / scale)),
    slant(dims, shear),
    shiftBy(sides.map((side, axis) => -(translation[axis] ?? 0) * side)),
  );
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
