import { dirname, join } from "node:path";
import { gather } from "../bytes/gather.js";
import { ByteStream } from "./byte-stream.js";
import { openFile, readAt } from "./file-source.js";
import { checkFromEnd, MAX_HEADER_BYTES, type RasterHeader } from "../raster/header.js";
import { parseMetaImageHeader } from "../raster/metaimage.js";
import { parseNrrdHeader } from "../raster/nrrd.js";
import { announcedByRaster, checkTextLength, rasterVolume, type RasterOptions } from "../raster/voxels.js";
import { refuser } from "../refuse.js";
import type { Volume } from "../volume.js";

/**
 * Reads .nrrd, or .nhdr with the data file that it names, on Node; parseNrrd describes what is supported.
 * Memory: the voxels once, plus about 3 MiB.
 * @throws VolumeFormatError damaged, truncated, not 3D   @throws VolumeFileError missing, no permission
 */
export async function readNrrd(path: string, options: RasterOptions = {}): Promise<Volume> {
  return await readRaster(path, parseNrrdHeader, options);
}

/**
 * Reads .mha, or .mhd with the data file that it names, on Node; parseMetaImage describes what is supported.
 * Memory: the voxels once, plus about 3 MiB.
 * @throws VolumeFormatError damaged, truncated, not 3D   @throws VolumeFileError missing, no permission
 */
export async function readMetaImage(path: string, options: RasterOptions = {}): Promise<Volume> {
  return await readRaster(path, parseMetaImageHeader, options);
}

/** Reads the header of an NRRD or a MetaImage file. @throws VolumeFormatError, VolumeFileError */
export async function readRasterHeader(path: string, format: "NRRD" | "MetaImage"): Promise<RasterHeader> {
  return await headerOf(path, format === "NRRD" ? parseNrrdHeader : parseMetaImageHeader);
}

type ParseHeader = (bytes: Uint8Array, file: string) => RasterHeader;

async function readRaster(path: string, parseHeader: ParseHeader, options: RasterOptions): Promise<Volume> {
  const header = await headerOf(path, parseHeader);
  const data = header.dataFile === null ? path : join(dirname(path), header.dataFile);
  const place = { from: header.dataOffset, compressed: header.compressed };
  await using stream = await ByteStream.open(data, header.format, place);
  checkFromEnd(header, stream.storedBytes, refuser(data, header.format));
  if (!header.text) {
    const voxels = await stream.voxels(announcedByRaster(header, data), header.skip);
    return rasterVolume(header, voxels, data, options);
  }
  checkTextLength(header, stream.storedBytes, data);
  const letters = {
    ...announcedByRaster(header, data),
    bytes: Math.max(stream.storedBytes - header.skip, 0),
  };
  return rasterVolume(header, await gather(stream.pieces(), letters, header.skip), data, options);
}

async function headerOf(path: string, parseHeader: ParseHeader): Promise<RasterHeader> {
  const { handle, size } = await openFile(path);
  try {
    const start = new Uint8Array(Math.min(size, MAX_HEADER_BYTES));
    return parseHeader(start.subarray(0, await readAt(handle, path, start, 0)), path);
  } finally {
    await handle.close();
  }
}
