import { pipeline, Readable } from "node:stream";
import { createInflateRaw } from "node:zlib";
import { openFileSource } from "./file-source.js";
import type { Decompress } from "../bytes/inflate.js";
import { Npz } from "../npz/open-npz.js";
import { openZip, type OpenZipOptions, type ZipArchive } from "../zip/open-zip.js";

/**
 * Limits for the buffer of inflated bytes. Small files get small buffers, because an export has tens of thousands of
 * them.
 */
const [LEAST_CHUNK, MOST_CHUNK] = [2 ** 10, 2 ** 20];

/**
 * Inflates with Node's zlib, which is fifteen times as fast as its DecompressionStream on arrays that compress well.
 */
export const inflateRawByZlib: Decompress = (pieces, size) => {
  const chunkSize = Math.min(MOST_CHUNK, Math.max(LEAST_CHUNK, size));
  // An error on either side reaches whoever awaits the pieces.
  return pipeline(Readable.from(pieces, { objectMode: false }), createInflateRaw({ chunkSize }), () => {});
};

/** An archive on disk, which stays open until it is closed. */
export interface ZipFile extends ZipArchive, AsyncDisposable {
  close(): Promise<void>;
}

/**
 * Opens a zip archive of any size on Node; openZip describes what is read and refused. @throws VolumeFormatError,
 * VolumeFileError
 */
export async function openZipFile(path: string, options: OpenZipOptions = {}): Promise<ZipFile> {
  const source = await openFileSource(path);
  try {
    const archive = await openZip(source, { inflate: inflateRawByZlib, ...options });
    const close = () => source.close();
    return { ...archive, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** A .npz file on disk, which stays open until it is closed. */
export interface NpzFile extends AsyncDisposable {
  npz: Npz;
  close(): Promise<void>;
}

/** Opens a .npz file on Node; see openNpz. @throws VolumeFormatError, VolumeFileError */
export async function openNpzFile(path: string, options: OpenZipOptions = {}): Promise<NpzFile> {
  const archive = await openZipFile(path, { format: "npz", ...options });
  const close = () => archive.close();
  try {
    return { npz: await Npz.of(archive), close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}
