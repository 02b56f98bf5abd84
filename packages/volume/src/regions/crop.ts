import { VolumeArgumentError } from "../errors.js";
import { voxelToWorld } from "../geometry.js";
import { emptyLike, type Triple, type Volume } from "../volume.js";
import { eachRow, shapeOf } from "./block.js";
import { assertBox, growBox, type Box } from "./box.js";

export interface CropOptions {
  /** Margin in mm around the box on every side, clipped to the volume; default 0. */
  margin?: number;
}

/**
 * The origin of a crop: voxel i of the crop is voxel box.start + i of the source. Plain data that can be stored as
 * JSON.
 */
export interface CropRecord {
  box: Box;
  sourceShape: Triple;
  sourceOrigin: Triple;
}

/**
 * Crops a volume to a box. Nothing is resampled: values, spacing and direction are kept, and the origin moves to the
 * first voxel of the crop.
 * @throws VolumeArgumentError a box that is empty or reaches beyond the volume, a negative margin
 */
export function cropTo(
  volume: Volume,
  box: Box,
  { margin = 0 }: CropOptions = {},
): { volume: Volume; record: CropRecord } {
  assertBox(box, volume.shape);
  const cut = growBox(box, margin, volume);
  const shape = shapeOf(cut);
  const data = emptyLike(volume.data, shape[0] * shape[1] * shape[2]);
  eachRow(cut, volume.shape, (from, to, length) => data.set(volume.data.subarray(from, from + length), to));
  return {
    volume: {
      data,
      shape,
      spacing: [...volume.spacing],
      origin: voxelToWorld(volume, ...cut.start),
      direction: [...volume.direction],
      unit: volume.unit,
    },
    record: { box: cut, sourceShape: [...volume.shape], sourceOrigin: [...volume.origin] },
  };
}

/**
 * Places a crop, or anything computed on its grid, back on the grid of the source.
 * @param outside value of the voxels outside of the crop
 * @throws VolumeArgumentError where the shape of the volume differs from the record
 */
export function uncrop(volume: Volume, record: CropRecord, outside: number): Volume {
  const { box, sourceShape, sourceOrigin } = record;
  assertBox(box, sourceShape);
  const shape = shapeOf(box);
  if (shape.some((n, axis) => n !== volume.shape[axis])) {
    throw new VolumeArgumentError(
      "volume.shape",
      `${shape.join(" x ")}, as in the record`,
      volume.shape.join(" x "),
    );
  }
  const data = emptyLike(volume.data, sourceShape[0] * sourceShape[1] * sourceShape[2]).fill(outside);
  eachRow(box, sourceShape, (to, from, length) => data.set(volume.data.subarray(from, from + length), to));
  return { ...volume, data, shape: [...sourceShape], origin: [...sourceOrigin] };
}
