import { VolumeFormatError } from "../errors.js";
import { parseNiftiHeader, type NiftiHeader } from "./header.js";
import { decodeVoxels } from "./voxels.js";
import type { Volume } from "../volume.js";

export interface NiftiOptions {
  /** What the values are; NIfTI does not say. Default "HU". */
  unit?: "HU" | "arbitrary";
}

/**
 * Reads an uncompressed NIfTI-1 or NIfTI-2 file (.nii) from memory; safe in browsers.
 * Geometry comes from the sform, else the qform, else pixdim, turned from RAS to LPS; voxels are not reordered.
 * @param file name for error messages
 * @throws VolumeFormatError damaged, truncated, 4D, complex or RGB
 */
export function parseNifti(bytes: ArrayBuffer, options: NiftiOptions & { file?: string } = {}): Volume {
  const file = options.file ?? "bytes";
  const header = parseNiftiHeader(bytes, file);
  const held = bytes.byteLength - header.voxelOffset;
  checkLength(header, held, file);
  const voxels = bytes.slice(header.voxelOffset, header.voxelOffset + header.voxelBytes);
  return niftiVolume(header, voxels, file, options);
}

/** Bytes after the voxels that are taken for padding; more means that header and data do not belong together. */
export const NIFTI_PADDING_BYTES = 65536;

/** @param held bytes from the first voxel to the end of the file  @throws VolumeFormatError too short, too long */
export function checkLength(header: NiftiHeader, held: number, file: string): void {
  const announced = `expected ${header.voxelBytes} bytes of voxels (${header.shape.join(" x ")} ${header.dtype})`;
  if (held < header.voxelBytes) {
    throw new VolumeFormatError({
      file,
      format: "NIfTI",
      problem: `${announced}, the file holds ${Math.max(0, held)}`,
      remedy: "The file is truncated; copy or export it again.",
    });
  }
  if (held > header.voxelBytes + NIFTI_PADDING_BYTES) {
    throw new VolumeFormatError({
      file,
      format: "NIfTI",
      problem: `${announced}, the file goes on for more than ${NIFTI_PADDING_BYTES} bytes after them`,
      remedy: "Its header does not fit its data; export the file again.",
    });
  }
}

/** @param voxels exactly the bytes of the voxels; the volume may keep them */
export function niftiVolume(header: NiftiHeader, voxels: ArrayBuffer, file: string, options: NiftiOptions): Volume {
  const { shape, spacing, origin, direction } = header;
  const data = decodeVoxels(voxels, header, file);
  return { data, shape, spacing, origin, direction, unit: options.unit ?? "HU" };
}
