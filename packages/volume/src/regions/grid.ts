import { VolumeArgumentError } from "../errors.js";
import type { Triple } from "../volume.js";

/** Shape and spacing of a binary mask; every Volume is one. */
export interface Grid {
  /** nx, ny, nz; index = x + nx * (y + ny * z). */
  shape: Triple;
  /** mm along x, y, z. */
  spacing: Triple;
}

/** @throws VolumeArgumentError where the length of the mask does not match its shape */
export function assertMask(mask: Uint8Array, shape: Triple): void {
  const count = shape[0] * shape[1] * shape[2];
  if (shape.length !== 3 || !shape.every((n) => Number.isSafeInteger(n) && n > 0)) {
    throw new VolumeArgumentError("shape", "three whole numbers > 0", `[${shape.join(", ")}]`);
  }
  if (mask.length !== count) {
    throw new VolumeArgumentError("mask", `${count} voxels for shape ${shape.join(" x ")}`, `${mask.length}`);
  }
}

/** Volume of one voxel, ml. */
export function voxelMl({ spacing }: Pick<Grid, "spacing">): number {
  return (spacing[0] * spacing[1] * spacing[2]) / 1000;
}
