import { open, readdir, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { VolumeFileError } from "../errors.js";
import type { DicomSource } from "../dicom/source.js";
import { reason } from "./atomic.js";

/**
 * Every file below a folder, or the file itself, sorted by name, for scanDicom. Links to folders are not followed, so
 * that there are no endless loops. No file is opened before it is read.
 * @throws VolumeFileError the path does not exist or is not readable
 */
export async function* dicomFiles(path: string): AsyncGenerator<DicomSource> {
  const status = await guarded(path, () => stat(path));
  if (status.isDirectory()) yield* below(path, path);
  else yield dicomFile(path, path, status.size);
}

async function* below(folder: string, root: string): AsyncGenerator<DicomSource> {
  const entries = await guarded(folder, () => readdir(folder, { withFileTypes: true }));
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* below(path, root);
    // A link may point to a file, to a folder, or nowhere.
    const found = entry.isDirectory() ? undefined : await stat(path).catch(() => undefined);
    if (found?.isFile() === true) yield dicomFile(path, relative(root, path), found.size);
  }
}

/** One file on disk. @param name for messages and facts; default its path  @param size bytes, where known */
export function dicomFile(path: string, name = path, size?: number): DicomSource {
  return {
    name,
    ...(size === undefined ? {} : { size }),
    read: (reuse) => readStart(path, { known: size, most: Infinity, reuse }),
    head: (bytes) => readStart(path, { known: size, most: bytes }),
  };
}

interface Start {
  /** Size of the file in bytes, where it is known. */
  known: number | undefined;
  /** The largest number of bytes to read. */
  most: number;
  /** An array whose memory may hold the result. */
  reuse?: Uint8Array | undefined;
}

/** Reads the first bytes of a file into an array that starts at the beginning of its buffer, and so is aligned. */
async function readStart(path: string, { known, most, reuse }: Start): Promise<Uint8Array> {
  return await guarded(path, async () => {
    const handle = await open(path);
    try {
      const size = known ?? (await handle.stat()).size;
      const length = Math.min(size, most);
      const isRoomy = reuse !== undefined && reuse.buffer.byteLength >= length;
      const memory = isRoomy ? reuse.buffer : Buffer.allocUnsafeSlow(length).buffer; // all of it is overwritten
      const bytes = new Uint8Array(memory, 0, length);
      let done = 0;
      while (done < bytes.length) {
        const { bytesRead } = await handle.read(bytes, done, Math.min(bytes.length - done, 2 ** 30), done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return bytes.subarray(0, done);
    } finally {
      await handle.close();
    }
  });
}

async function guarded<T>(path: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (cause) {
    throw new VolumeFileError(
      path,
      `cannot be read (${reason(cause)})`,
      "Check the path and the permissions.",
      {
        cause,
      },
    );
  }
}
