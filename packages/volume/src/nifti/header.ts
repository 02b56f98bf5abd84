import { NIFTI1, isNIFTI1, isNIFTI2, readHeader, type NIFTI2 } from "nifti-reader-js";
import { copied } from "../bytes/copy.js";
import { MAX_VOXEL_BYTES, VOXEL_BYTES, type VoxelDtype } from "../dtypes.js";
import { niftiGeometry } from "./geometry.js";
import { COPY_AGAIN, refuser, type Refuse } from "../refuse.js";
import type { Triple } from "../volume.js";
import type { NiftiHeader } from "./nifti-header.js";

/** Supported data types of NIfTI, by the code in the header. */
const DTYPES: Record<number, VoxelDtype> = {
  2: "uint8",
  4: "int16",
  8: "int32",
  16: "float32",
  64: "float64",
  256: "int8",
  512: "uint16",
  768: "uint32",
  1024: "int64",
  1280: "uint64",
};

const REFUSED_DTYPES: Record<number, string> = {
  1: "1-bit",
  32: "complex",
  128: "RGB",
  1536: "float128",
  1792: "complex",
  2048: "complex",
  2304: "RGBA",
};

/** Number of bytes that is enough for the header of either version. */
export const NIFTI_HEADER_BYTES = 540;

/**
 * Reads only the header.
 * @param bytes the first 540 bytes or more of the uncompressed file (fewer where it is shorter)
 * @param file file name for error messages
 * @throws VolumeFormatError
 */
export function parseNiftiHeader(bytes: ArrayBuffer | Uint8Array, file = "bytes"): NiftiHeader {
  const refuse = refuser(file, "NIfTI");
  const { raw, pair, view } = rawHeader(bytes, refuse);
  const version = raw instanceof NIFTI1 ? 1 : 2;
  const dtype = DTYPES[raw.datatypeCode];
  if (dtype === undefined) {
    const word = REFUSED_DTYPES[raw.datatypeCode] ?? "unknown";
    return refuse(
      `expected whole-number or float voxels, its data type is ${raw.datatypeCode} (${word})`,
      "Convert it to int16 or float32 first.",
    );
  }
  const shape = shapeOf(raw.dims, refuse);
  const itemBytes = VOXEL_BYTES[dtype];
  const voxelBytes = shape[0] * shape[1] * shape[2] * itemBytes;
  if (!(voxelBytes <= MAX_VOXEL_BYTES)) {
    refuse(
      `its header declares ${shape.join(" x ")} voxels (${voxelBytes} bytes)`,
      "The header is damaged; export the file again.",
    );
  }
  return {
    version,
    littleEndian: raw.littleEndian,
    pair,
    dtype,
    itemBytes,
    shape,
    voxelOffset: pair
      ? imageOffsetOf(raw.vox_offset, refuse)
      : voxelOffsetOf(raw.vox_offset, version, refuse),
    voxelBytes,
    ...scalingOf(raw.scl_slope, raw.scl_inter, refuse),
    ...niftiGeometry(raw, srowOf(view, raw), refuse),
  };
}

interface RawHeader {
  raw: NIFTI1 | NIFTI2;
  pair: boolean;
  /** Parses exactly the bytes of the header. */
  view: DataView;
}

function rawHeader(bytes: ArrayBuffer | Uint8Array, refuse: Refuse): RawHeader {
  const all = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  if (all[0] === 0x1f && all[1] === 0x8b)
    refuse("expected uncompressed bytes, received gzip", "Use readNifti or parseVolume, or gunzip first.");
  const start = copied(all, 0, NIFTI_HEADER_BYTES).buffer;
  // Exactly the header: the library's reader of extensions trusts sizes that a damaged file can set to anything.
  const length = isNIFTI1(start, true) ? 348 : isNIFTI2(start, true) ? NIFTI_HEADER_BYTES : 0;
  if (length === 0) {
    if (isAnalyze(all))
      refuse(
        "it is Analyze 7.5, which does not tell the patient's left from right",
        "Convert it to NIfTI first.",
      );
    refuse(
      `expected the signature "n+1" or "n+2" in a header of 348 or 540 bytes, found none`,
      "Check that the file is NIfTI and complete.",
    );
  }
  if (start.byteLength < length)
    refuse(`its header ends after ${start.byteLength} of ${length} bytes`, COPY_AGAIN);
  const header = start.slice(0, length);
  try {
    const raw = readHeader(header, true);
    const mark = all[raw instanceof NIFTI1 ? 345 : 5];
    return { raw, pair: mark === "i".charCodeAt(0), view: new DataView(header) };
  } catch (cause) {
    const problem = `its header is damaged (${cause instanceof Error ? cause.message : String(cause)})`;
    return refuse(problem, "Export the file again.", { cause });
  }
}

/** Detects Analyze 7.5: its header length in either byte order, 3 or 4 dimensions, and no NIfTI signature. */
function isAnalyze(bytes: Uint8Array): boolean {
  if (bytes.length < 348) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [true, false].some((little) => {
    const rank = view.getInt16(40, little);
    return view.getInt32(0, little) === 348 && rank >= 1 && rank <= 7;
  });
}

function shapeOf(dims: readonly number[], refuse: Refuse): Triple {
  const rank = dims[0] ?? 0;
  if (!(Number.isInteger(rank) && rank >= 1 && rank <= 7)) {
    refuse(
      `expected 1 to 7 dimensions, its header says ${rank}`,
      "The header is damaged; export the file again.",
    );
  }
  const sizes = dims.slice(1, rank + 1);
  const text = sizes.join(" x ");
  if (!sizes.every((n) => Number.isSafeInteger(n) && n > 0)) {
    refuse(`expected sizes > 0, its header says ${text}`, "The header is damaged; export the file again.");
  }
  if (sizes.slice(3).some((n) => n > 1)) {
    refuse(
      `expected one 3D volume, it is ${rank}D: ${text}`,
      "Split it into one file per volume (one time point or channel each).",
    );
  }
  return [sizes[0] ?? 1, sizes[1] ?? 1, sizes[2] ?? 1];
}

function voxelOffsetOf(offset: number, version: 1 | 2, refuse: Refuse): number {
  const least = version === 1 ? 352 : 544;
  if (offset === 0) return least;
  // There are NIfTI-2 files without the four bytes of the extension flag: their header ends at byte 540.
  if (!Number.isSafeInteger(offset) || offset < (version === 1 ? least : NIFTI_HEADER_BYTES)) {
    refuse(
      `expected voxels from byte ${least} on, its header says ${offset}`,
      "The header is damaged; export the file again.",
    );
  }
  return offset;
}

/** Offset in the .img file of a pair, usually 0. */
function imageOffsetOf(offset: number, refuse: Refuse): number {
  if (Number.isSafeInteger(offset) && offset >= 0) return offset;
  return refuse(`expected voxels from byte 0 or later, its header says ${offset}`, "Export the file again.");
}

/** A slope of 0 (or no slope) means no scaling, so the intercept is ignored, too. */
function scalingOf(slope: number, intercept: number, refuse: Refuse): { slope: number; intercept: number } {
  if (slope === 0 || !Number.isFinite(slope)) return { slope: 1, intercept: 0 };
  if (!Number.isFinite(intercept)) {
    refuse(`its slope is ${slope}, but its intercept is ${intercept}`, "Correct scl_inter in the header.");
  }
  return { slope, intercept };
}

/** The 12 numbers of the sform; the library discards them where it prefers the qform. */
function srowOf(view: DataView, raw: NIFTI1 | NIFTI2): number[] {
  const one = raw instanceof NIFTI1;
  return Array.from({ length: 12 }, (_, i) =>
    one ? view.getFloat32(280 + i * 4, raw.littleEndian) : view.getFloat64(400 + i * 8, raw.littleEndian),
  );
}
