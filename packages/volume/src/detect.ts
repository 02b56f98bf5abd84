import type { VolumeFormat } from "./errors.js";

/** Number of bytes from the start of a file that detectBytes needs. */
export const DETECT_BYTES = 1024;

/**
 * Detects the format of a file by the signature at its start, never by its name; null where the format is unknown. For
 * "gzip", the content must be examined, too. A plain .img file has no signature, and a DICOM file may lack it.
 * @param start the first 1024 bytes, fewer where the file is shorter
 */
export function detectBytes(start: Uint8Array): VolumeFormat | "gzip" | null {
  const marked = (at: number, ...mark: number[]) => mark.every((byte, i) => start[at + i] === byte);
  if (marked(0, 0x1f, 0x8b)) return "gzip";
  if (marked(0, 0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59)) return "npy";
  if (marked(0, 0x50, 0x4b, 3, 4) || marked(0, 0x50, 0x4b, 5, 6)) return zipOrNpz(start);
  if (marked(0, 0x89, 0x50, 0x4e, 0x47)) return "PNG";
  if (marked(0, 0xff, 0xd8, 0xff)) return "JPEG";
  if (marked(128, 0x44, 0x49, 0x43, 0x4d)) return "DICOM";
  if (marked(0, 0x4e, 0x52, 0x52, 0x44)) return "NRRD";
  if (isNifti(start)) return "NIfTI";
  const text = new TextDecoder("latin1").decode(start.subarray(0, 256));
  return /^\s*(ObjectType|ObjectSubType|Comment|NDims|Name|ID)\s*=/.test(text) ? "MetaImage" : null;
}

/** numpy puts only .npy files into a .npz, so the name of the first file is decisive. */
function zipOrNpz(start: Uint8Array): "zip" | "npz" {
  const length = (start[26] ?? 0) | ((start[27] ?? 0) << 8);
  return new TextDecoder().decode(start.subarray(30, 30 + length)).endsWith(".npy") ? "npz" : "zip";
}

/** The length of the header, in either byte order: of NIfTI-1 (and Analyze, which its reader names), or of NIfTI-2. */
function isNifti(start: Uint8Array): boolean {
  if (start.length < 4) return false;
  const view = new DataView(start.buffer, start.byteOffset, 4);
  return [view.getInt32(0, true), view.getInt32(0, false)].some((length) => length === 348 || length === 540);
}

/**
 * The format that a file's name suggests, for errors where the content is something else; null where the name suggests
 * none.
 */
export function promisedFormat(name: string): VolumeFormat | null {
  const found = PROMISES.find(([pattern]) => pattern.test(name));
  return found === undefined ? null : found[1];
}

const PROMISES: readonly (readonly [RegExp, VolumeFormat])[] = [
  [/\.(nii|hdr|img)(\.gz)?$/i, "NIfTI"],
  [/\.(nrrd|nhdr)$/i, "NRRD"],
  [/\.(mha|mhd)$/i, "MetaImage"],
  [/\.npy$/i, "npy"],
  [/\.npz$/i, "npz"],
  [/\.zip$/i, "zip"],
  [/\.png$/i, "PNG"],
  [/\.jpe?g$/i, "JPEG"],
  [/\.(dcm|dicom|ima)$/i, "DICOM"],
];
