import { open, type FileHandle } from "node:fs/promises";
import { reason, writeAtomic } from "./atomic.js";
import { VolumeFileError } from "../errors.js";
import {
  encodeNpyHeader,
  NPY_PREFIX_BYTES,
  npyOffset,
  parseNpyHeader,
  type NpyDtype,
  type NpyHeader,
} from "../npy/header.js";
import { assertNpy, checkNpyLength, decodeNpy, npyDtypeOf, type NpyArray } from "../npy/array.js";
import type { VoxelArray } from "../volume.js";

/** Reads a .npy file; parseNpy says how. Memory is taken only after shape and file size were found to fit. */
export async function readNpy(path: string): Promise<NpyArray> {
  return await withFile(path, async (handle, size) => {
    const header = await headerOf(handle, path);
    const values = new Uint8Array(checkNpyLength(header, size, path));
    await fill(handle, values, header.offset);
    return decodeNpy(header, values.buffer, path);
  });
}

/** Reads dtype, shape and the offset of the values, and checks them against the size of the file. @throws as parseNpy */
export async function readNpyHeader(path: string): Promise<NpyHeader> {
  return await withFile(path, async (handle, size) => {
    const header = await headerOf(handle, path);
    checkNpyLength(header, size, path);
    return header;
  });
}

/** What writeNpy needs; dtype is that of the data, unless it says "bool" for a Uint8Array. */
export interface NpySource {
  data: VoxelArray;
  shape: readonly number[];
  dtype?: NpyDtype;
}

/**
 * Writes a .npy file, version 1.0, C order; it appears under its name only when it is whole.
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

async function withFile<T>(path: string, use: (handle: FileHandle, size: number) => Promise<T>): Promise<T> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path);
    return await use(handle, (await handle.stat()).size);
  } catch (cause) {
    // The operating system's errors carry a code; ours do not.
    if (!(cause instanceof Error && "code" in cause)) throw cause;
    throw new VolumeFileError(path, `cannot be read (${reason(cause)})`, "Check the path and the permissions.", {
      cause,
    });
  } finally {
    await handle?.close();
  }
}

async function headerOf(handle: FileHandle, path: string): Promise<NpyHeader> {
  const prefix = new Uint8Array(NPY_PREFIX_BYTES);
  const held = await fill(handle, prefix, 0);
  const start = new Uint8Array(npyOffset(prefix.subarray(0, held), path));
  return parseNpyHeader(start.subarray(0, await fill(handle, start, 0)), path);
}

/** Reads until `target` is full or the file ends. @returns bytes read */
async function fill(handle: FileHandle, target: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < target.length) {
    // One call to the operating system reads at most 2 GiB.
    const length = Math.min(target.length - done, 2 ** 30);
    const { bytesRead } = await handle.read(target, done, length, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}
