import { hostIsLittleEndian, swapBytes } from "../byte-order.js";
import { VolumeFormatError } from "../errors.js";
import { narrow64 } from "../integers64.js";
import type { NiftiHeader } from "./header.js";
import type { VoxelArray } from "../volume.js";

/**
 * Turns the stored bytes into values: byte order, then slope and intercept.
 * Whole numbers under a whole slope and intercept stay whole (the stored type, else int16, else int32), where all
 * values fit; other scaled whole numbers become float32. Floats keep their width. int64 and uint64 become int32, else
 * float64.
 * @param buffer exactly the voxels; is changed and may back the result
 * @throws VolumeFormatError where a 64-bit value has no exact number
 */
export function decodeVoxels(buffer: ArrayBuffer, header: NiftiHeader, file: string): VoxelArray {
  if (header.littleEndian !== hostIsLittleEndian) swapBytes(new Uint8Array(buffer), header.itemBytes);
  const stored = view(buffer, header, file);
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

function view(buffer: ArrayBuffer, header: NiftiHeader, file: string): VoxelArray {
  switch (header.dtype) {
    case "int8":
      return new Int8Array(buffer);
    case "uint8":
      return new Uint8Array(buffer);
    case "int16":
      return new Int16Array(buffer);
    case "uint16":
      return new Uint16Array(buffer);
    case "int32":
      return new Int32Array(buffer);
    case "uint32":
      return new Uint32Array(buffer);
    case "float32":
      return new Float32Array(buffer);
    case "float64":
      return new Float64Array(buffer);
    case "int64":
      return narrowed(new BigInt64Array(buffer), file);
    case "uint64":
      return narrowed(new BigUint64Array(buffer), file);
  }
}

function narrowed(source: BigInt64Array | BigUint64Array, file: string): VoxelArray {
  const values = narrow64(source);
  if (values !== null) return values;
  throw new VolumeFormatError({
    file,
    format: "NIfTI",
    problem: "expected 64-bit whole numbers within ±2^53, found a larger one",
    remedy: "Convert it to int16 or float32 first.",
  });
}

/** The narrowest fitting whole-number array for the scaled values; null where they are not whole or too large. */
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
