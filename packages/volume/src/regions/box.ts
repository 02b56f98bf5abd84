import { VolumeArgumentError } from "../errors.js";
import type { Triple } from "../volume.js";
import { assertMask, type Grid } from "./grid.js";

/** A block of voxels: `start` is its first voxel on each axis, `end` the first voxel after it. */
export interface Box {
  start: Triple;
  end: Triple;
}

/**
 * The smallest box that contains every nonzero voxel; null for an empty mask. @throws VolumeArgumentError wrong length
 */
export function boxOf(mask: Uint8Array, shape: Triple): Box | null {
  assertMask(mask, shape);
  const [nx, ny, nz] = shape;
  const start: Triple = [nx, ny, nz];
  const end: Triple = [0, 0, 0];
  for (let z = 0, row = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++, row += nx) {
      let first = 0;
      while (first < nx && mask[row + first] === 0) first++;
      if (first === nx) continue;
      let last = nx - 1;
      while (mask[row + last] === 0) last--;
      stretch(start, end, 0, first, last);
      stretch(start, end, 1, y, y);
      stretch(start, end, 2, z, z);
    }
  }
  return end[0] === 0 ? null : { start, end };
}

function stretch(start: Triple, end: Triple, axis: 0 | 1 | 2, first: number, last: number): void {
  if (first < start[axis]) start[axis] = first;
  if (last >= end[axis]) end[axis] = last + 1;
}

/** The smallest box that contains both. */
export function unionBox(a: Box, b: Box): Box {
  const pick = (take: typeof Math.min, x: Triple, y: Triple) =>
    x.map((n, axis) => take(n, y[axis] as number)) as Triple;
  return { start: pick(Math.min, a.start, b.start), end: pick(Math.max, a.end, b.end) };
}

/** The box enlarged by `mm` on every side, in whole voxels (rounded up), and clipped to the grid. */
export function growBox(box: Box, mm: number, { shape, spacing }: Grid): Box {
  if (!(Number.isFinite(mm) && mm >= 0))
    throw new VolumeArgumentError("margin", "a number >= 0, in mm", `${mm}`);
  // A spacing stored in 32 bits must not turn 10 mm into three voxels of 5 mm.
  const voxels = spacing.map((size) => Math.ceil(mm / size - 1e-4)) as Triple;
  return {
    start: box.start.map((n, axis) => Math.max(0, n - (voxels[axis] as number))) as Triple,
    end: box.end.map((n, axis) => Math.min(shape[axis] as number, n + (voxels[axis] as number))) as Triple,
  };
}

/** @throws VolumeArgumentError where the box is empty, not in whole voxels, or reaches beyond the grid */
export function assertBox(box: Box, shape: Triple): void {
  const fits = [0, 1, 2].every((axis) => {
    const [first, behind] = [box.start[axis], box.end[axis]];
    return (
      Number.isSafeInteger(first) &&
      Number.isSafeInteger(behind) &&
      (first as number) >= 0 &&
      (first as number) < (behind as number) &&
      (behind as number) <= (shape[axis] as number)
    );
  });
  if (!fits) {
    const received = `[${box.start.join(", ")}] to [${box.end.join(", ")}]`;
    throw new VolumeArgumentError("box", `0 <= start < end <= ${shape.join(", ")}, whole numbers`, received);
  }
}
