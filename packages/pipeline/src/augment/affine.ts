/**
 * Rotation, crop, translation, scale and shear of one sample, composed into one map from output to input, so that values
 * are interpolated once. The order is rotation, crop and resize, then scale, shear and translation, which corresponds to
 * torchvision's RandomRotation, RandomResizedCrop and RandomAffine, here without rounding to pixels. Points are (x, y) of
 * a slice or (x, y, z) of a volume, in mm or pixels from its centre: columns, rows, slices.
 */
import type { Random } from "@slicestack/stats";
import type { AugmentConfig } from "../config/augment.js";
import { compose, pairsOf, scaleBy, shiftBy, slant, turn, type Matrix } from "./matrix.js";
import { within, withinRatio, type Draws } from "./samples.js";

/** The transform of one sample; components that were not drawn are absent. */
export interface AffineDraw {
  /** Degrees: in the plane of the slice, counter-clockwise; of a volume also from y and from x towards z. */
  rotation?: readonly number[];
  /** The kept size, and the offset of its centre from that of the sample, as fractions of each side. */
  crop?: { kept: readonly number[]; middle: readonly number[] };
  /** Fractions of each side: to the right, down, towards higher slices. */
  translation?: readonly number[];
  scale?: number;
  /** Degrees, one for each pair of axes. */
  shear?: readonly number[];
}

type Affine = Pick<AugmentConfig, "rotation" | "crop" | "translation" | "scale" | "shear">;
type Crop = NonNullable<AugmentConfig["crop"]>;
/** Lengths of the sides of one sample along x, y (and z), in mm or pixels. */
export type Sides = readonly number[];

/** One draw per sample; each component has a separate stream, so that disabling one does not change the others. */
export function drawAffine(config: Affine, sides: readonly Sides[], random: Random): Draws<AffineDraw> {
  const streams = {
    rotation: random.fork("rotation"),
    crop: random.fork("crop"),
    translation: random.fork("translation"),
    scale: random.fork("scale"),
    shear: random.fork("shear"),
  };
  return sides.map((sampleSides) => drawSample(config, sampleSides, streams));
}

function drawSample(config: Affine, sides: Sides, streams: Record<keyof Affine, Random>): AffineDraw | null {
  const dims = sides.length;
  const draw: AffineDraw = {};
  const isDrawn = (part: keyof Affine) => streams[part].chance(config[part]?.probability ?? 0);
  if (config.rotation !== null && isDrawn("rotation")) {
    const { degrees, tilt } = config.rotation;
    draw.rotation = (dims === 2 ? [degrees] : [degrees, tilt, tilt]).map((range) => within(streams.rotation, range));
  }
  if (config.crop !== null && isDrawn("crop")) draw.crop = drawCrop(config.crop, sides, streams.crop);
  if (config.translation !== null && isDrawn("translation")) {
    const { share } = config.translation;
    draw.translation = sides.map(() => within(streams.translation, share));
  }
  if (config.scale !== null && isDrawn("scale")) draw.scale = within(streams.scale, config.scale.factor);
  if (config.shear !== null && isDrawn("shear")) {
    const { degrees } = config.shear;
    draw.shear = pairsOf(dims).map(() => within(streams.shear, degrees));
  }
  return Object.keys(draw).length === 0 ? null : draw;
}

/**
 * As torchvision's RandomResizedCrop: an area and an aspect that fit into the slice are drawn up to ten times; otherwise
 * the largest crop of the nearest aspect is taken. Volumes are cropped along the slices, too.
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
