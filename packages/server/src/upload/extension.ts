/**
 * The extension under which an uploaded file is stored, from its first bytes: names from clients never reach the file
 * system.
 */
const HEAD_BYTES = 352;

/** How many bytes at the beginning of a file `extensionOf` looks at. */
export const BYTES_NEEDED = HEAD_BYTES;

/** @param head the first 352 bytes, or all of a shorter file   @returns e.g. ".nii.gz"; ".dcm" for what is not recognised */
export function extensionOf(head: Uint8Array): string {
  const text = (from: number, to: number) => Buffer.from(head.subarray(from, to)).toString("latin1");
  if (text(0, 4) === "PK\x03\x04" || text(0, 4) === "PK\x05\x06") return ".zip";
  if (head[0] === 0x1f && head[1] === 0x8b) return ".nii.gz";
  if (text(128, 132) === "DICM") return ".dcm";
  if (text(0, 4) === "NRRD") return ".nrrd";
  if (/^(ObjectType|NDims|Comment|DimSize)\s*=/.test(text(0, 40))) return ".mha";
  if (text(0, 6) === "\x93NUMPY") return ".npy";
  if (/^(n\+1|ni1)\0$/.test(text(344, 348)) || /^(n\+2|ni2)\0/.test(text(4, 8))) return ".nii";
  return ".dcm"; // DICOM without a preamble; an unknown format is refused when the file is read
}
