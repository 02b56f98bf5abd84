import { voxelArray } from "../dtypes.js";
import type { NiftiHeader } from "./nifti-header.js";
import { refuser } from "../refuse.js";
import type { VoxelArray } from "../volume.js";

/**
 * Converts the stored bytes to values: byte order, then slope and intercept. With an integer slope and intercept,
 * integers stay integers (the stored type, else int16, else int32) where all values fit; other scaled integers become
 * float32. Floats keep their width. int64 and uint64 become int32, else float64.
 * @param bytes exactly the voxels; they are modified and may become the buffer of the result
 * @throws VolumeFormatError where a 64-bit value cannot be represented exactly
 */
export function decodeVoxels(bytes: Uint8Array, header: NiftiHeader, file: string): VoxelArray {
  const stored = voxelArray(bytes, header.dtype, header.littleEndian, refuser(file, "NIfTI"));
  const { slope, intercept } = header;
  if (slope === 1 && intercept === 0) return stored;
  if (stored instanceof Float32Array || stored instanceof Float64Array) {
    for (let i = 0; i < stored.length; i++) stored[i] = (stored[i] as number) * slope + intercept;
    return stored;
  }
  const scaled = wholeArray(stored, slope, intercept) ?? new Float32Array(stored.length);
  for (let i = 0; i < stored.length; i++) scaled[i] = (stored[i] as number) * slope + intercept;
  return scaled;
}

/** The narrowest integer array that fits the scaled values; null where they are not whole numbers or too large. */
function wholeArray(stored: VoxelArray, slope: number, intercept: number): VoxelArray | null {
  if (!Number.isInteger(slope) || !Number.isInteger(intercept)) return null;
  let least = Infinity;
  let most = -Infinity;
  for (const value of stored) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const ends = [least * slope + intercept, most * slope + intercept];
  const same = stored.constructor as new (length: number) => VoxelArray;
  for (const Type of [same, Int16Array, Int32Array]) {
    const probe = new Type(2);
    probe.set(ends);
    if (probe[0] === ends[0] && probe[1] === ends[1]) return new Type(stored.length);
  }
  return null;
}
