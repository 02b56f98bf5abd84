/** The part of a source that a prepared volume was made from, for comparison with it. */
import {
  angleBetween,
  cropTo,
  voxelToWorld,
  worldToVoxel,
  type Triple,
  type Volume,
  type VoxelGrid,
} from "@slicestack/volume";
import { InspectError } from "./errors.js";

const PARALLEL_DEGREES = 0.25;

/** @throws InspectError if an axis of the two is not parallel */
export function refuseTurned(source: Volume, grid: VoxelGrid): void {
  for (const axis of [0, 1, 2] as const) {
    const angle = angleBetween(source, grid, axis);
    if (angle <= PARALLEL_DEGREES) continue;
    const problem = `axis ${"xyz"[axis]} of the source differs from that of the index by ${angle.toFixed(1)} degrees`;
    throw new InspectError(problem, "Pass the source that the data set was prepared from.");
  }
}

/**
 * The source within the crop, with values that interpolation does not round.
 * @param crop x0, x1, y0, y1, z0, z1 in voxels, ends excluded; null = all
 * @throws InspectError if the source ends before the crop begins
 */
export function preparedRegion(source: Volume, crop: readonly number[] | null): Volume {
  const { data } = source;
  const isWide = data instanceof Int32Array || data instanceof Uint32Array || data instanceof Float64Array;
  const exact = { ...source, data: isWide ? Float64Array.from(data) : Float32Array.from(data) };
  if (crop === null) return exact;
  const [start, end] = [[0, 2, 4].map((k) => crop[k]!) as Triple, [1, 3, 5].map((k) => crop[k]!) as Triple];
  // Another source may be smaller than the one that the crop was made for.
  const inside = end.map((voxel, axis) => Math.min(voxel, source.shape[axis as 0])) as Triple;
  if (inside.some((voxel, axis) => voxel <= start[axis as 0]))
    throw new InspectError(
      `the source has ${source.shape.join(" x ")} voxels, and the crop of the index begins at ${start.join(", ")}`,
      "Pass the source that the data set was prepared from.",
    );
  return cropTo(exact, { start, end: inside }).volume;
}

/** A slice with the pixels of the region in plane, at the position of slice `k` of a prepared volume. */
export function sliceGrid(region: Volume, prepared: VoxelGrid, k: number): VoxelGrid {
  const { spacing, direction, shape } = region;
  const [, , z] = worldToVoxel(region, ...prepared.origin);
  const at = z + (k * prepared.spacing[2]) / spacing[2];
  return { shape: [shape[0], shape[1], 1], spacing, direction, origin: voxelToWorld(region, 0, 0, at) };
}
