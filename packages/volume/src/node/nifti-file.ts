import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { writeAtomic } from "./atomic.js";
import { encodeNiftiHeader } from "../nifti/encode.js";
import { NIFTI_HEADER_BYTES, parseNiftiHeader, type NiftiHeader } from "../nifti/header.js";
import { ByteStream } from "./byte-stream.js";
import { niftiPair } from "./nifti-pair.js";
import { announcedBy, niftiVolume, type NiftiOptions } from "../nifti/parse.js";
import { refuser } from "../refuse.js";
import type { Volume } from "../volume.js";

const CHUNK_BYTES = 2 ** 20;

/**
 * Reads .nii, .nii.gz (told apart by content), or a .hdr/.img pair by either of its names, each half plain or gzipped.
 * parseNifti says what is read and how.
 * Memory: the voxels once, plus about 3 MiB; nothing is allocated before the header fits the size of the file.
 * @throws VolumeFormatError damaged, truncated, 4D, complex or RGB   @throws VolumeFileError missing, no permission
 */
export async function readNifti(path: string, options: NiftiOptions = {}): Promise<Volume> {
  const pair = await niftiPair(path);
  await using stream = await ByteStream.open(pair?.header ?? path, "NIfTI");
  const header = await headerOf(stream);
  if (pair === null || !header.pair) {
    const voxels = await stream.voxels(announcedBy(header, path), header.voxelOffset);
    return niftiVolume(header, voxels, path, options);
  }
  await using image = await ByteStream.open(pair.image, "NIfTI");
  const voxels = await image.voxels(announcedBy(header, pair.image), header.voxelOffset);
  return niftiVolume(header, voxels, pair.image, options);
}

/** Reads the header of .nii, .nii.gz or a pair, and nothing more. @throws as readNifti */
export async function readNiftiHeader(path: string): Promise<NiftiHeader> {
  const pair = await niftiPair(path);
  await using stream = await ByteStream.open(pair?.header ?? path, "NIfTI");
  return await headerOf(stream);
}

async function headerOf(stream: ByteStream): Promise<NiftiHeader> {
  const header = parseNiftiHeader(await stream.peek(NIFTI_HEADER_BYTES), stream.path);
  if (!header.pair || /\.hdr(\.gz)?$/i.test(stream.path)) return header;
  const problem = "it is the header of a .hdr/.img pair, and its name does not end in .hdr";
  return refuser(stream.path, "NIfTI")(problem, "Name the pair NAME.hdr and NAME.img, in one folder.");
}

export interface WriteNiftiOptions {
  /** gzip level 1..9; default 1, whose files are within 2 % of level 6 on CT. */
  level?: number;
}

/**
 * Writes NIfTI-1, compressed where the name ends in .gz, with sform and qform; the data type is kept.
 * The file appears under its name only when it is whole.
 * @throws VolumeArgumentError not a valid volume   @throws VolumeFileError folder missing, disk full
 */
export async function writeNifti(path: string, volume: Volume, options: WriteNiftiOptions = {}): Promise<void> {
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
