import { NIFTI1, isNIFTI1, isNIFTI2, readHeader, type NIFTI2 } from "nifti-reader-js";
import { VolumeFormatError } from "../errors.js";
import { niftiGeometry } from "./geometry.js";
import type { Triple } from "../volume.js";

/** Data types of NIfTI that one voxel of a scan can have; the key is the header's code. */
const DTYPES = {
  2: ["uint8", 1],
  4: ["int16", 2],
  8: ["int32", 4],
  16: ["float32", 4],
  64: ["float64", 8],
  256: ["int8", 1],
  512: ["uint16", 2],
  768: ["uint32", 4],
  1024: ["int64", 8],
  1280: ["uint64", 8],
} as const;

const REFUSED_DTYPES: Record<number, string> = {
  1: "1-bit",
  32: "complex",
  128: "RGB",
  1536: "float128",
  1792: "complex",
  2048: "complex",
  2304: "RGBA",
};

export type NiftiDtype = (typeof DTYPES)[keyof typeof DTYPES][0];

/** What the header of a NIfTI file says, checked; geometry in LPS mm. */
export interface NiftiHeader {
  version: 1 | 2;
  littleEndian: boolean;
  dtype: NiftiDtype;
  itemBytes: number;
  shape: Triple;
  /** Byte where the voxels begin, in the uncompressed file. */
  voxelOffset: number;
  /** Length of the voxels in bytes. */
  voxelBytes: number;
  /** value = stored * slope + intercept. */
  slope: number;
  intercept: number;
  spacing: Triple;
  origin: Triple;
  direction: number[];
  /** Where the geometry came from. */
  geometry: "sform" | "qform" | "pixdim";
}

/** Bytes that are enough for the header of either version. */
export const NIFTI_HEADER_BYTES = 540;

/** No scan is larger: 16 GiB of voxels. */
const MAX_VOXEL_BYTES = 2 ** 34;

/**
 * Reads the header alone.
 * @param bytes the first 540 bytes or more of the uncompressed file (fewer where it is shorter)
 * @param file name for error messages
 * @throws VolumeFormatError
 */
export function parseNiftiHeader(bytes: ArrayBuffer, file = "bytes"): NiftiHeader {
  const refuse = refuser(file);
  const raw = rawHeader(bytes, file);
  const version = raw instanceof NIFTI1 ? 1 : 2;
  const dtype = DTYPES[raw.datatypeCode as keyof typeof DTYPES] as (typeof DTYPES)[keyof typeof DTYPES] | undefined;
  if (dtype === undefined) {
    const word = REFUSED_DTYPES[raw.datatypeCode] ?? "unknown";
    return refuse(
      `expected whole-number or float voxels, its data type is ${raw.datatypeCode} (${word})`,
      "Convert it to int16 or float32 first.",
    );
  }
  const shape = shapeOf(raw.dims, refuse);
  const voxelBytes = shape[0] * shape[1] * shape[2] * dtype[1];
  if (!(voxelBytes <= MAX_VOXEL_BYTES)) {
    refuse(
      `its header announces ${shape.join(" x ")} voxels (${voxelBytes} bytes)`,
      "The header is damaged; export the file again.",
    );
  }
  return {
    version,
    littleEndian: raw.littleEndian,
    dtype: dtype[0],
    itemBytes: dtype[1],
    shape,
    voxelOffset: voxelOffsetOf(raw.vox_offset, version, refuse),
    voxelBytes,
    ...scalingOf(raw.scl_slope, raw.scl_inter, refuse),
    ...niftiGeometry(raw, srowOf(bytes, raw), refuse),
  };
}

export type Refuse = (problem: string, remedy: string) => never;

function refuser(file: string): Refuse {
  return (problem, remedy) => {
    throw new VolumeFormatError({ file, format: "NIfTI", problem, remedy });
  };
}

function rawHeader(bytes: ArrayBuffer, file: string): NIFTI1 | NIFTI2 {
  const refuse = refuser(file);
  const start = new Uint8Array(bytes, 0, Math.min(bytes.byteLength, 348));
  if (start[0] === 0x1f && start[1] === 0x8b)
    refuse("expected uncompressed bytes, received gzip", "Use readNifti, or gunzip first.");
  const magic = String.fromCharCode(...start.subarray(344, 347));
  if (magic === "ni1") refuse("it is one half of a .hdr/.img pair", "Convert the pair to one .nii file.");
  // Exactly the header: the library's reader of extensions trusts sizes that a damaged file can set to anything.
  const length = isNIFTI1(bytes) ? 348 : isNIFTI2(bytes) ? NIFTI_HEADER_BYTES : 0;
  if (length === 0)
    refuse(
      `expected the mark "n+1" or "n+2" in a header of 348 or 540 bytes, found none`,
      "Check that the file is NIfTI and complete.",
    );
  if (bytes.byteLength < length)
    refuse(
      `its header ends after ${bytes.byteLength} of ${length} bytes`,
      "The file is truncated; copy or export it again.",
    );
  try {
    return readHeader(bytes.slice(0, length));
  } catch (cause) {
    const problem = `its header is damaged (${cause instanceof Error ? cause.message : String(cause)})`;
    throw new VolumeFormatError({ file, format: "NIfTI", problem, remedy: "Export the file again." }, { cause });
  }
}

function shapeOf(dims: readonly number[], refuse: Refuse): Triple {
  const rank = dims[0] ?? 0;
  if (!(Number.isInteger(rank) && rank >= 1 && rank <= 7)) {
    refuse(`expected 1 to 7 dimensions, its header says ${rank}`, "The header is damaged; export the file again.");
  }
  const sizes = dims.slice(1, rank + 1);
  const text = sizes.join(" x ");
  if (!sizes.every((n) => Number.isSafeInteger(n) && n > 0)) {
    refuse(`expected sizes > 0, its header says ${text}`, "The header is damaged; export the file again.");
  }
  if (sizes.slice(3).some((n) => n > 1)) {
    refuse(
      `expected one 3D volume, it is ${rank}D: ${text}`,
      "Split it into one file a volume (one time point or channel each).",
    );
  }
  return [sizes[0] ?? 1, sizes[1] ?? 1, sizes[2] ?? 1];
}

function voxelOffsetOf(offset: number, version: 1 | 2, refuse: Refuse): number {
  const least = version === 1 ? 352 : 544;
  if (offset === 0) return least;
  // NIfTI-2 files without the four bytes of the extension flag exist: 540 is where the header ends.
  if (!Number.isSafeInteger(offset) || offset < (version === 1 ? least : NIFTI_HEADER_BYTES)) {
    refuse(
      `expected voxels from byte ${least} on, its header says ${offset}`,
      "The header is damaged; export the file again.",
    );
  }
  return offset;
}

/** Slope 0 (or none) means: no scaling, the intercept included. */
function scalingOf(slope: number, intercept: number, refuse: Refuse): { slope: number; intercept: number } {
  if (slope === 0 || !Number.isFinite(slope)) return { slope: 1, intercept: 0 };
  if (!Number.isFinite(intercept)) {
    refuse(`its slope is ${slope}, but its intercept is ${intercept}`, "Correct scl_inter in the header.");
  }
  return { slope, intercept };
}

/** The 12 numbers of the sform; the library drops them where it prefers the qform. */
function srowOf(bytes: ArrayBuffer, raw: NIFTI1 | NIFTI2): number[] {
  const view = new DataView(bytes);
  const one = raw instanceof NIFTI1;
  return Array.from({ length: 12 }, (_, i) =>
    one ? view.getFloat32(280 + i * 4, raw.littleEndian) : view.getFloat64(400 + i * 8, raw.littleEndian),
  );
}
