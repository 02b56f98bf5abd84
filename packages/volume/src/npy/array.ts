import { copied } from "../bytes/copy.js";
import { hostIsLittleEndian, swapBytes } from "../byte-order.js";
import { VolumeArgumentError } from "../errors.js";
import { narrow64 } from "../integers64.js";
import { parseNpyHeader, type NpyDtype, type NpyHeader } from "./header.js";
import { refuser } from "../refuse.js";
import { emptyLike, type VoxelArray } from "../volume.js";

/** An array in numpy's order: the last axis of `shape` is the fastest. */
export interface NpyArray {
  dtype: NpyDtype;
  shape: number[];
  data: VoxelArray;
  fortranOrder: false;
}

/**
 * Reads a .npy file (version 1, 2 or 3, either byte order) from memory; safe in browsers.
 * Fortran order becomes C order; float16 becomes float32; int64 and uint64 become int32 where all values fit,
 * else float64. 0-dimensional arrays have shape [] and one value.
 * @throws VolumeFormatError damaged, truncated, too long, objects, structured, complex, text, 64-bit values beyond 2^53
 */
export function parseNpy(bytes: ArrayBuffer | Uint8Array, file = "bytes"): NpyArray {
  const all = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  const header = parseNpyHeader(all, file);
  const length = checkNpyLength(header, all.length, file);
  return decodeNpy(header, copied(all, header.offset, header.offset + length).buffer, file);
}

/**
 * @param size size of the file in bytes @returns the length of the values in bytes  @throws VolumeFormatError too
 *   short, too long
 */
export function checkNpyLength(header: NpyHeader, size: number, file: string): number {
  const length = header.shape.reduce((a, b) => a * b, header.itemBytes);
  const held = size - header.offset;
  if (held !== length) {
    const announced = `expected ${length} bytes of values (${header.dtype}, shape (${header.shape.join(", ")}))`;
    const remedy = held < length ? "The file is truncated; copy it again." : "Save one array per file.";
    refuser(file, "npy")(`${announced}, the file holds ${held}`, remedy);
  }
  return length;
}

/** @param buffer exactly the values; it is modified and may become the buffer of the result */
export function decodeNpy(header: NpyHeader, buffer: ArrayBuffer, file: string): NpyArray {
  if (header.littleEndian !== hostIsLittleEndian) swapBytes(new Uint8Array(buffer), header.itemBytes);
  const { dtype, data } = view(header, buffer, file);
  const shape = [...header.shape];
  return { dtype, shape, data: header.fortranOrder ? toCOrder(data, shape) : data, fortranOrder: false };
}

function view(header: NpyHeader, buffer: ArrayBuffer, file: string): { dtype: NpyDtype; data: VoxelArray } {
  switch (header.dtype) {
    case "float16":
      return { dtype: "float32", data: Float32Array.from(new Uint16Array(buffer), halfToNumber) };
    case "int64":
    case "uint64": {
      const data = narrow64(
        header.dtype === "int64" ? new BigInt64Array(buffer) : new BigUint64Array(buffer),
      );
      if (data === null) {
        return refuser(file, "npy")(
          "expected 64-bit whole numbers within ±2^53, found a larger one",
          "Convert it with .astype(float).",
        );
      }
      return { dtype: data instanceof Int32Array ? "int32" : "float64", data };
    }
    default:
      return { dtype: header.dtype, data: new ARRAYS[header.dtype](buffer) };
  }
}

const ARRAYS = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
};

/** IEEE 754 binary16: 1 sign bit, 5 of exponent, 10 of fraction. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Reorders from first-axis-fastest to last-axis-fastest. */
function toCOrder(source: VoxelArray, shape: readonly number[]): VoxelArray {
  const target = emptyLike(source, source.length);
  const last = shape.length - 1;
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((a, b) => a * b, 1));
  const index = shape.map(() => 0);
  const row = shape[last] ?? 1;
  const step = strides[last] ?? 1;
  for (let at = 0; at < target.length;) {
    let read = index.reduce((sum, i, axis) => sum + i * (strides[axis] ?? 0), 0);
    for (let x = 0; x < row; x++, read += step) target[at++] = source[read] as number;
    for (let axis = last - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      index[axis] = next === shape[axis] ? 0 : next;
      if (index[axis] !== 0) break;
    }
  }
  return target;
}

/** The dtype of a typed array. */
export function npyDtypeOf(data: VoxelArray): NpyDtype {
  for (const [dtype, Type] of Object.entries(ARRAYS)) {
    if (dtype !== "bool" && data instanceof Type) return dtype as NpyDtype;
  }
  throw new VolumeArgumentError("data", "a voxel array", typeof data);
}

/** @throws VolumeArgumentError where data and dtype, or length and shape, do not match */
export function assertNpy(data: VoxelArray, dtype: NpyDtype, shape: readonly number[]): void {
  if (!(data instanceof ARRAYS[dtype])) {
    throw new VolumeArgumentError("data", `${ARRAYS[dtype].name} for ${dtype}`, data.constructor.name);
  }
  const count = shape.reduce((a, b) => a * b, 1);
  if (data.length !== count) {
    throw new VolumeArgumentError(
      "data",
      `${count} values for shape (${shape.join(", ")})`,
      `${data.length}`,
    );
  }
}
