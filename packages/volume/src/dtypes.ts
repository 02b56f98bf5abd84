import { hostIsLittleEndian, swapBytes } from "./byte-order.js";
import { narrow64 } from "./integers64.js";
import type { Refuse } from "./refuse.js";
import type { VoxelArray } from "./volume.js";

/** Voxel types in a file; 64-bit integers are narrowed when they are read. */
export type VoxelDtype =
  "uint8" | "int8" | "int16" | "uint16" | "int32" | "uint32" | "int64" | "uint64" | "float32" | "float64";

export const VOXEL_BYTES: Record<VoxelDtype, number> = {
  uint8: 1,
  int8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  float32: 4,
  float64: 8,
};

/** Upper limit for the voxels of a scan: 16 GiB. */
export const MAX_VOXEL_BYTES = 2 ** 34;

/**
 * Converts the stored bytes to values in the host's byte order; int64 and uint64 become int32 where all values fit,
 * else float64.
 * @param bytes exactly the voxels; they are modified and become the buffer of the result, unless they are not aligned
 * @throws VolumeFormatError where a 64-bit value cannot be represented exactly
 */
export function voxelArray(
  bytes: Uint8Array,
  dtype: VoxelDtype,
  littleEndian: boolean,
  refuse: Refuse,
): VoxelArray {
  const itemBytes = VOXEL_BYTES[dtype];
  const { buffer, byteOffset, length } = bytes.byteOffset % itemBytes === 0 ? bytes : new Uint8Array(bytes);
  if (littleEndian !== hostIsLittleEndian) swapBytes(new Uint8Array(buffer, byteOffset, length), itemBytes);
  const count = length / itemBytes;
  switch (dtype) {
    case "int8":
      return new Int8Array(buffer, byteOffset, count);
    case "uint8":
      return new Uint8Array(buffer, byteOffset, count);
    case "int16":
      return new Int16Array(buffer, byteOffset, count);
    case "uint16":
      return new Uint16Array(buffer, byteOffset, count);
    case "int32":
      return new Int32Array(buffer, byteOffset, count);
    case "uint32":
      return new Uint32Array(buffer, byteOffset, count);
    case "float32":
      return new Float32Array(buffer, byteOffset, count);
    case "float64":
      return new Float64Array(buffer, byteOffset, count);
    case "int64":
      return narrowed(new BigInt64Array(buffer, byteOffset, count), refuse);
    case "uint64":
      return narrowed(new BigUint64Array(buffer, byteOffset, count), refuse);
  }
}

function narrowed(source: BigInt64Array | BigUint64Array, refuse: Refuse): VoxelArray {
  const values = narrow64(source);
  if (values !== null) return values;
  return refuse(
    "expected 64-bit whole numbers within ±2^53, found a larger one",
    "Convert it to int16 or float32 first.",
  );
}
