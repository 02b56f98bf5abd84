import { VOXEL_BYTES, voxelArray, type VoxelDtype } from "../dtypes.js";
import { PADDING_BYTES, type Announced } from "../bytes/gather.js";
import { COPY_AGAIN, refuser } from "../refuse.js";
import type { RasterHeader } from "./header.js";
import type { Volume, VoxelArray } from "../volume.js";

export interface RasterOptions {
  /** Unit of the values, which neither NRRD nor MetaImage gives. Default "HU". */
  unit?: "HU" | "arbitrary";
}

export function announcedByRaster(header: RasterHeader, file: string): Announced {
  const what = `${header.shape.join(" x ")} ${header.dtype}`;
  return { file, format: header.format, bytes: header.voxelBytes, what };
}

/** @param data exactly the voxels, or their text; the volume may keep them  @throws VolumeFormatError */
export function rasterVolume(
  header: RasterHeader,
  data: Uint8Array,
  file: string,
  options: RasterOptions,
): Volume {
  const { shape, spacing, origin, direction, dtype } = header;
  const refuse = refuser(file, header.format);
  const values = header.text
    ? fromText(data, header, file)
    : voxelArray(data, dtype, header.littleEndian, refuse);
  return { data: values, shape, spacing, origin, direction, unit: options.unit ?? "HU" };
}

/** A number in text has at most this many characters, including white space. */
const TEXT_BYTES_A_VALUE = 40;

/**
 * Checks the length before memory is allocated: neither the header alone nor endless text is trusted. @throws
 * VolumeFormatError
 */
export function checkTextLength(header: RasterHeader, held: number, file: string): void {
  const count = header.voxelBytes / VOXEL_BYTES[header.dtype];
  if (held < 2 * count - 1 || held > TEXT_BYTES_A_VALUE * count + PADDING_BYTES)
    refuser(file, header.format)(
      `expected ${count} values as text, the file holds ${held} letters`,
      COPY_AGAIN,
    );
}

/**
 * Values as text, separated by white space or commas. @throws VolumeFormatError too few or too many values, not a
 * number, out of range
 */
function fromText(text: Uint8Array, header: RasterHeader, file: string): VoxelArray {
  const refuse = refuser(file, header.format);
  const { dtype } = header;
  const count = header.voxelBytes / VOXEL_BYTES[dtype];
  // Text that is truncated inside its last number would still be valid.
  if (!/[\s,]/.test(String.fromCharCode(text.at(-1) ?? 0)))
    refuse("expected white space after the last value, the text ends without it", COPY_AGAIN);
  const values = new Float64Array(count);
  let at = 0;
  for (const [word] of new TextDecoder().decode(text).matchAll(/[^\s,]+/g)) {
    const isNaN = /^[+-]?nan$/i.test(word);
    const value = Number(word.replace(/inf$/i, "Infinity"));
    const fits = dtype.startsWith("float") ? isNaN || !Number.isNaN(value) : inRange(value, dtype);
    if (!fits) refuse(`expected ${dtype} values as text, found "${word.slice(0, 40)}"`, "Correct the file.");
    values[at++] = value;
    if (at > count) refuse(`expected ${count} values as text, found more`, COPY_AGAIN);
  }
  if (at < count) refuse(`expected ${count} values as text, found ${at}`, COPY_AGAIN);
  if (dtype === "float64") return values;
  if (dtype === "int64" || dtype === "uint64")
    return values.every((v) => v === (v | 0)) ? Int32Array.from(values) : values;
  const target = voxelArray(new Uint8Array(header.voxelBytes), dtype, true, refuse);
  target.set(values);
  return target;
}

function inRange(value: number, dtype: VoxelDtype): boolean {
  if (!Number.isSafeInteger(value)) return false;
  const bits = 8 * VOXEL_BYTES[dtype];
  const [least, most] = dtype.startsWith("u")
    ? [0, 2 ** bits - 1]
    : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  return value >= least && value <= most;
}
