import { VolumeArgumentError } from "./errors.js";

export type VoxelArray =
  Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array;

export type Triple = [number, number, number];

/**
 * One scan. World coordinates are DICOM's LPS: +x to the patient's left, +y to the back, +z to the head, in mm.
 * world(i, j, k) = origin + direction · (i · spacing[0], j · spacing[1], k · spacing[2]).
 */
export interface Volume {
  /** x fastest: index = x + nx * (y + ny * z). */
  data: VoxelArray;
  /** nx, ny, nz. */
  shape: Triple;
  /** mm along x, y, z; all > 0. */
  spacing: Triple;
  /** LPS mm of the centre of voxel 0, 0, 0. */
  origin: Triple;
  /** 9 values, row-major 3 x 3; column k is the unit vector (LPS) along which voxel axis k increases. */
  direction: number[];
  unit: "HU" | "arbitrary";
}

/** An array of the same type as `like`, of another length, filled with zeros. */
export function emptyLike(like: VoxelArray, length: number): VoxelArray {
  const Type = like.constructor as new (length: number) => VoxelArray;
  return new Type(length);
}

/** @throws VolumeArgumentError where data, shape and geometry do not match. */
export function assertVolume(volume: Volume): void {
  const { data, shape, spacing, origin, direction } = volume;
  const refuse = (field: string, expected: string, received: string): never => {
    throw new VolumeArgumentError(`volume.${field}`, expected, received);
  };
  if (shape.length !== 3 || !shape.every((n) => Number.isSafeInteger(n) && n > 0)) {
    refuse("shape", "three whole numbers > 0", `[${shape.join(", ")}]`);
  }
  const count = shape[0] * shape[1] * shape[2];
  if (data.length !== count)
    refuse("data", `${count} voxels for shape ${shape.join(" x ")}`, `${data.length}`);
  if (spacing.length !== 3 || !spacing.every((mm) => Number.isFinite(mm) && mm > 0)) {
    refuse("spacing", "three numbers > 0, in mm", `[${spacing.join(", ")}]`);
  }
  if (origin.length !== 3 || !origin.every(Number.isFinite)) {
    refuse("origin", "three finite numbers, in mm", `[${origin.join(", ")}]`);
  }
  if (direction.length !== 9 || !direction.every(Number.isFinite)) {
    refuse("direction", "nine finite numbers", `[${direction.join(", ")}]`);
  }
  for (let axis = 0; axis < 3; axis++) {
    const length = Math.hypot(...[0, 3, 6].map((row) => direction[row + axis] ?? NaN));
    if (Math.abs(length - 1) > 1e-3) refuse("direction", `column ${axis} of length 1`, `length ${length}`);
  }
  if (Math.abs(determinant3(direction)) < 1e-6)
    refuse("direction", "three independent axes", "a singular matrix");
}

/** Determinant of a row-major 3 x 3 matrix. */
export function determinant3(m: readonly number[]): number {
  const [a = NaN, b = NaN, c = NaN, d = NaN, e = NaN, f = NaN, g = NaN, h = NaN, i = NaN] = m;
  return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
}
