import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { writeAtomic } from "./atomic.js";
import { encodeNiftiHeader } from "../nifti/encode.js";
import { NIFTI_HEADER_BYTES, parseNiftiHeader } from "../nifti/header.js";
import type { NiftiHeader } from "../nifti/nifti-header.js";
import { ByteStream } from "./byte-stream.js";
import { niftiHeaderPath, niftiImagePath } from "./nifti-pair.js";
import { announcedBy, niftiVolume, type NiftiOptions } from "../nifti/parse.js";
import type { Volume } from "../volume.js";

const CHUNK_BYTES = 2 ** 20;

/**
 * Reads .nii, .nii.gz (detected by content), or a .hdr/.img pair by either of its names, each half plain or gzipped.
 * parseNifti describes what is supported. Memory: the voxels once, plus about 3 MiB; nothing is allocated before the
 * header fits the size of the file.
 * @throws VolumeFormatError damaged, truncated, 4D, complex or RGB   @throws VolumeFileError missing, no permission
 */
export async function readNifti(path: string, options: NiftiOptions = {}): Promise<Volume> {
  await using stream = await ByteStream.open(await niftiHeaderPath(path), "NIfTI");
  const header = parseNiftiHeader(await stream.peek(NIFTI_HEADER_BYTES), stream.path);
  if (header.pair) return await readImage(header, await niftiImagePath(path), options);
  const voxels = await stream.voxels(announcedBy(header, stream.path), header.voxelOffset);
  return niftiVolume(header, voxels, stream.path, options);
}

async function readImage(header: NiftiHeader, path: string, options: NiftiOptions): Promise<Volume> {
  await using stream = await ByteStream.open(path, "NIfTI");
  const voxels = await stream.voxels(announcedBy(header, path), header.voxelOffset);
  return niftiVolume(header, voxels, path, options);
}

/** Reads only the header of .nii, .nii.gz or a pair. @throws as readNifti */
export async function readNiftiHeader(path: string): Promise<NiftiHeader> {
  await using stream = await ByteStream.open(await niftiHeaderPath(path), "NIfTI");
  return parseNiftiHeader(await stream.peek(NIFTI_HEADER_BYTES), stream.path);
}

export interface WriteNiftiOptions {
  /** gzip level 1..9; default 1, whose files are within 2 % of level 6 on CT. */
  level?: number;
}

/**
 * Writes NIfTI-1, compressed where the name ends in .gz, with sform and qform; the data type is kept.
 * The file appears under its name only when it is complete.
 * @throws VolumeArgumentError an invalid volume   @throws VolumeFileError folder missing, disk full
 */
export async function writeNifti(
  path: string,
  volume: Volume,
  options: WriteNiftiOptions = {},
): Promise<void> {
  const header = encodeNiftiHeader(volume);
  const voxels = new Uint8Array(volume.data.buffer, volume.data.byteOffset, volume.data.byteLength);
  await writeAtomic(path, async (file) => {
    if (!path.endsWith(".gz")) {
      await file.write(header);
      await file.write(voxels);
      return;
    }
    const gzip = createGzip({ level: options.level ?? 1, chunkSize: CHUNK_BYTES });
    await pipeline(pieces(header, voxels), gzip, async (compressed: AsyncIterable<Uint8Array>) => {
      for await (const chunk of compressed) await file.write(chunk);
    });
  });
}

function* pieces(header: Uint8Array, voxels: Uint8Array): Generator<Uint8Array> {
  yield header;
  for (let at = 0; at < voxels.length; at += CHUNK_BYTES) yield voxels.subarray(at, at + CHUNK_BYTES);
}
