import { copied } from "../bytes/copy.js";
import { checkLength, type Announced } from "../bytes/gather.js";
import { parseNiftiHeader } from "./header.js";
import type { NiftiHeader } from "./nifti-header.js";
import { decodeVoxels } from "./voxels.js";
import { refuser } from "../refuse.js";
import type { Volume } from "../volume.js";

export interface NiftiOptions {
  /** Unit of the values, which NIfTI does not give. Default "HU". */
  unit?: "HU" | "arbitrary";
}

export interface ParseNiftiOptions extends NiftiOptions {
  /** File name for error messages. */
  file?: string;
  /** The uncompressed .img file, where `bytes` is the .hdr file of a pair. */
  image?: ArrayBuffer | Uint8Array;
}

/**
 * Reads an uncompressed NIfTI-1 or NIfTI-2 file (.nii), or a .hdr/.img pair, from memory; safe in browsers.
 * parseVolume accepts .nii.gz, too. Geometry is taken from the sform, else the qform, else pixdim, turned from RAS to
 * LPS; voxels are not reordered.
 * @throws VolumeFormatError damaged, truncated, 4D, complex or RGB
 */
export function parseNifti(bytes: ArrayBuffer | Uint8Array, options: ParseNiftiOptions = {}): Volume {
  const file = options.file ?? "bytes";
  const header = parseNiftiHeader(bytes, file);
  if (header.pair && options.image === undefined) {
    refuser(file, "NIfTI")(
      "it is the header of a .hdr/.img pair",
      "Give both files, or convert them to one .nii file.",
    );
  }
  const image = header.pair ? (options.image ?? bytes) : bytes;
  checkLength(announcedBy(header, file), image.byteLength - header.voxelOffset);
  const all = image instanceof Uint8Array ? image : new Uint8Array(image);
  const voxels = copied(all, header.voxelOffset, header.voxelOffset + header.voxelBytes);
  return niftiVolume(header, voxels, file, options);
}

export function announcedBy(header: NiftiHeader, file: string): Announced {
  const what = `${header.shape.join(" x ")} ${header.dtype}`;
  return { file, format: "NIfTI", bytes: header.voxelBytes, what };
}

/** @param voxels exactly the bytes of the voxels; the volume may keep them */
export function niftiVolume(
  header: NiftiHeader,
  voxels: Uint8Array,
  file: string,
  options: NiftiOptions,
): Volume {
  const { shape, spacing, origin, direction } = header;
  const data = decodeVoxels(voxels, header, file);
  return { data, shape, spacing, origin, direction, unit: options.unit ?? "HU" };
}
