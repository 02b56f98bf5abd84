import type { FileHandle } from "node:fs/promises";
import { writeAtomic } from "./atomic.js";
import { openFile, openFileSource, readAt } from "./file-source.js";
import {
  encodeNpyHeader,
  NPY_PREFIX_BYTES,
  npyOffset,
  parseNpyHeader,
  type NpyDtype,
  type NpyHeader,
} from "../npy/header.js";
import { assertNpy, checkNpyLength, decodeNpy, npyDtypeOf, type NpyArray } from "../npy/array.js";
import { openNpy, type NpyStack } from "../npy/stack.js";
import { COPY_AGAIN, refuser } from "../refuse.js";
import type { VoxelArray } from "../volume.js";

/**
 * Reads a .npy file; parseNpy describes the result. Memory is allocated only after shape and file size were found to
 * match.
 */
export async function readNpy(path: string): Promise<NpyArray> {
  return await withFile(path, async (handle, size) => {
    const header = await headerOf(handle, path);
    const values = new Uint8Array(checkNpyLength(header, size, path));
    if ((await readAt(handle, path, values, header.offset)) < values.length)
      refuser(path, "npy")("its values end early", COPY_AGAIN);
    return decodeNpy(header, values.buffer, path);
  });
}

/**
 * Reads dtype, shape and the offset of the values, and checks them against the size of the file. @throws as parseNpy
 */
export async function readNpyHeader(path: string): Promise<NpyHeader> {
  return await withFile(path, async (handle, size) => {
    const header = await headerOf(handle, path);
    checkNpyLength(header, size, path);
    return header;
  });
}

/** The array that writeNpy writes; dtype is that of the data, or "bool" for a Uint8Array. */
export interface NpySource {
  data: VoxelArray;
  shape: readonly number[];
  dtype?: NpyDtype;
}

/**
 * Writes a .npy file, version 1.0, C order; it appears under its name only when it is complete.
 * @throws VolumeArgumentError data do not fit the shape or dtype   @throws VolumeFileError folder missing, disk full
 */
export async function writeNpy(path: string, array: NpySource): Promise<void> {
  const dtype = array.dtype ?? npyDtypeOf(array.data);
  assertNpy(array.data, dtype, array.shape);
  const header = encodeNpyHeader(dtype, array.shape);
  await writeAtomic(path, async (file) => {
    await file.write(header);
    await file.write(array.data);
  });
}

/** An array on disk, which stays open until it is closed. */
export interface NpyFile extends AsyncDisposable {
  stack: NpyStack;
  close(): Promise<void>;
}

/** Opens a .npy file to read its items one by one. @throws VolumeFormatError as parseNpy   @throws VolumeFileError */
export async function openNpyFile(path: string): Promise<NpyFile> {
  const source = await openFileSource(path);
  const close = () => source.close();
  try {
    return { stack: await openNpy(source), close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function withFile<T>(path: string, use: (handle: FileHandle, size: number) => Promise<T>): Promise<T> {
  const { handle, size } = await openFile(path);
  try {
    return await use(handle, size);
  } finally {
    await handle.close();
  }
}

async function headerOf(handle: FileHandle, path: string): Promise<NpyHeader> {
  const prefix = new Uint8Array(NPY_PREFIX_BYTES);
  const held = await readAt(handle, path, prefix, 0);
  const start = new Uint8Array(npyOffset(prefix.subarray(0, held), path));
  return parseNpyHeader(start.subarray(0, await readAt(handle, path, start, 0)), path);
}
