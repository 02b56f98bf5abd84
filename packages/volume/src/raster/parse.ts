import { copied } from "../bytes/copy.js";
import { checkLength, gather, refuseImpossible } from "../bytes/gather.js";
import { compressionOf, inflated } from "../bytes/inflate.js";
import { COPY_AGAIN, refuser } from "../refuse.js";
import { checkFromEnd, type RasterHeader } from "./header.js";
import { parseMetaImageHeader } from "./metaimage.js";
import { parseNrrdHeader } from "./nrrd.js";
import { announcedByRaster, checkTextLength, rasterVolume, type RasterOptions } from "./voxels.js";
import type { Volume } from "../volume.js";

export interface ParseRasterOptions extends RasterOptions {
  /** File name for error messages. */
  file?: string;
  /** The bytes of the data file, where the header is a separate file (.nhdr, .mhd). */
  data?: ArrayBuffer | Uint8Array;
}

/**
 * Reads an NRRD file from memory: raw, gzip or ascii, attached or detached; safe in browsers.
 * @throws VolumeFormatError damaged, truncated, not 3D, bzip2 or hex encoding, several data files
 */
export async function parseNrrd(
  bytes: ArrayBuffer | Uint8Array,
  options: ParseRasterOptions = {},
): Promise<Volume> {
  return await parseRaster(bytes, parseNrrdHeader, options);
}

/**
 * Reads a MetaImage file (.mha, or .mhd with its data) from memory: raw, zlib or text; safe in browsers.
 * @throws VolumeFormatError damaged, truncated, not 3D, several channels or data files
 */
export async function parseMetaImage(
  bytes: ArrayBuffer | Uint8Array,
  options: ParseRasterOptions = {},
): Promise<Volume> {
  return await parseRaster(bytes, parseMetaImageHeader, options);
}

async function parseRaster(
  bytes: ArrayBuffer | Uint8Array,
  parseHeader: (bytes: Uint8Array, file: string) => RasterHeader,
  { file = "bytes", data, unit }: ParseRasterOptions,
): Promise<Volume> {
  const all = viewOf(bytes);
  const header = parseHeader(all, file);
  const refuse = refuser(file, header.format);
  if (header.dataFile !== null && data === undefined)
    refuse(`its voxels are in another file, ${header.dataFile}`, "Give both files.");
  const held = header.dataFile === null ? all : viewOf(data ?? bytes);
  const stored = held.subarray(header.dataOffset);
  checkFromEnd(header, stored.length, refuse);
  const options = unit === undefined ? {} : { unit };
  if (header.text) {
    checkTextLength(header, stored.length, file);
    return rasterVolume(header, copied(stored, header.skip, stored.length), file, options);
  }
  const announced = announcedByRaster(header, file);
  if (!header.compressed) {
    checkLength(announced, stored.length - header.skip);
    return rasterVolume(header, copied(stored, header.skip, header.skip + header.voxelBytes), file, options);
  }
  const compression = compressionOf(stored);
  if (compression === "none") refuse("expected gzip or zlib data, found neither", COPY_AGAIN);
  refuseImpossible(announced, header.skip, stored.length);
  const pieces = inflated(stored, compression, file, header.format);
  return rasterVolume(header, await gather(pieces, announced, header.skip), file, options);
}

const viewOf = (bytes: ArrayBuffer | Uint8Array) =>
  bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
