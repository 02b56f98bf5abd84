import { RegionError } from "../errors.js";
import { voxelToWorld, worldToVoxel } from "../geometry.js";
import { assertVolume, type Triple, type Volume } from "../volume.js";
import type { Box } from "./box.js";

/**
 * A voxel is left out where only this share of it lies in the region, because two affines of the same grid differ by
 * rounding.
 */
const SLIVER = 1e-3;

/**
 * The box of a user's mask in the voxels of a volume, whatever the grid of the mask: its voxels (those that are neither
 * 0 nor NaN, with their full extent) are mapped through world coordinates. Parts outside of the volume are ignored.
 * @throws VolumeArgumentError an invalid volume
 * @throws RegionError an empty mask; one that does not meet the volume
 */
export function maskBox(mask: Volume, volume: Volume): Box {
  assertVolume(mask);
  assertVolume(volume);
  const map = gridMap(mask, volume);
  const low: Triple = [Infinity, Infinity, Infinity];
  const high: Triple = [-Infinity, -Infinity, -Infinity];
  let empty = true;
  const [nx, ny, nz] = mask.shape;
  for (let z = 0, row = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++, row += nx) {
      const values = mask.data.subarray(row, row + nx);
      const [first, behind] = insideSpan(map, volume.shape, y, z, nx);
      const ends = setSpan(values, first, behind);
      empty &&= ends === null && setSpan(values, 0, nx) === null;
      if (ends === null) continue;
      // A row is straight, so its ends bound it on every axis.
      for (const x of ends) {
        for (const axis of [0, 1, 2] as const) {
          const at = map.at(axis, x, y, z);
          low[axis] = Math.min(low[axis], at - map.half[axis]);
          high[axis] = Math.max(high[axis], at + map.half[axis]);
        }
      }
    }
  }
  if (empty) throw new RegionError("the mask is empty", "Give a mask that is not 0 where the region is.");
  if (low[0] === Infinity)
    throw new RegionError(missed(mask, volume), "Give the mask that was drawn on this scan.");
  return {
    start: low.map((n) => Math.max(0, Math.floor(n + 0.5 + SLIVER))) as Triple,
    end: high.map((n, axis) => Math.min(volume.shape[axis] as number, Math.ceil(n + 0.5 - SLIVER))) as Triple,
  };
}

interface GridMap {
  /** Voxel index in the volume, along one axis, of a voxel of the mask. */
  at(axis: 0 | 1 | 2, x: number, y: number, z: number): number;
  /** Change of that index per step along x of the mask. */
  step: Triple;
  /** Half of a mask voxel's extent, in voxels of the volume. */
  half: Triple;
}

function gridMap(mask: Volume, volume: Volume): GridMap {
  const index = (x: number, y: number, z: number) => worldToVoxel(volume, ...voxelToWorld(mask, x, y, z));
  const zero = index(0, 0, 0);
  const columns = [index(1, 0, 0), index(0, 1, 0), index(0, 0, 1)].map(
    (column) => column.map((n, axis) => n - (zero[axis] as number)) as Triple,
  ) as [Triple, Triple, Triple];
  const [dx, dy, dz] = columns;
  return {
    at: (axis, x, y, z) => zero[axis] + x * dx[axis] + y * dy[axis] + z * dz[axis],
    step: dx,
    half: [0, 1, 2].map(
      (axis) => columns.reduce((sum, column) => sum + Math.abs(column[axis] as number), 0) / 2,
    ) as Triple,
  };
}

/** The voxels first..behind of a mask row whose centres lie inside the voxels of the volume. */
function insideSpan(map: GridMap, shape: Triple, y: number, z: number, nx: number): [number, number] {
  let [low, high] = [0, nx - 1];
  for (const axis of [0, 1, 2] as const) {
    const start = map.at(axis, 0, y, z);
    const step = map.step[axis];
    const [a, b] = [-0.5 - start, shape[axis] - 0.5 - start];
    if (Math.abs(step) < 1e-9) {
      if (a > 0 || b < 0) return [0, 0];
      continue;
    }
    low = Math.max(low, Math.min(a / step, b / step));
    high = Math.min(high, Math.max(a / step, b / step));
  }
  return [Math.ceil(low), Math.floor(high) + 1];
}

/** First and last voxel of first..behind that is neither 0 nor NaN. */
function setSpan(values: Volume["data"], first: number, behind: number): [number, number] | null {
  const isSet = (at: number) => values[at] !== 0 && !Number.isNaN(values[at]);
  let from = first;
  while (from < behind && !isSet(from)) from++;
  if (from >= behind) return null;
  let to = behind - 1;
  while (!isSet(to)) to--;
  return [from, to];
}

function missed(mask: Volume, volume: Volume): string {
  const place = (v: Volume) => {
    const [a, b] = [voxelToWorld(v, 0, 0, 0), voxelToWorld(v, ...(v.shape.map((n) => n - 1) as Triple))];
    return a
      .map(
        (n, axis) =>
          `${Math.round(Math.min(n, b[axis] as number))}..${Math.round(Math.max(n, b[axis] as number))}`,
      )
      .join(", ");
  };
  return `the mask's region lies outside of the scan: in LPS mm the mask spans ${place(mask)}, the scan ${place(volume)}`;
}
