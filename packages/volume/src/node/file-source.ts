import { open, type FileHandle } from "node:fs/promises";
import { reason } from "./atomic.js";
import type { ByteSource } from "../bytes/source.js";
import { VolumeFileError } from "../errors.js";

/** A file with random access, which stays open until it is closed. */
export interface FileSource extends ByteSource, AsyncDisposable {
  close(): Promise<void>;
}

/** Opens a file for openZip, openNpz and openNpy. @throws VolumeFileError missing, a folder, no permission */
export async function openFileSource(path: string): Promise<FileSource> {
  const { handle, size } = await openFile(path);
  const close = () => handle.close();
  return {
    name: path,
    size,
    close,
    [Symbol.asyncDispose]: close,
    async read(position, length) {
      const bytes = new Uint8Array(length);
      const held = await readAt(handle, path, bytes, position);
      if (held === length) return bytes;
      throw new VolumeFileError(
        path,
        `ends early: expected ${length} bytes, received ${held}`,
        "Copy the file again.",
      );
    },
  };
}

/** Opens a regular file. @throws VolumeFileError missing, a folder or a device, no permission */
export async function openFile(path: string): Promise<{ handle: FileHandle; size: number }> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path);
    const status = await handle.stat();
    if (status.isFile()) return { handle, size: status.size };
  } catch (cause) {
    await handle?.close();
    throw notReadable(path, cause);
  }
  await handle.close();
  throw new VolumeFileError(
    path,
    "expected a file, it is a folder or a device",
    "Give the path of the file itself.",
  );
}

/** Reads until `target` is full or the file ends. @returns bytes read  @throws VolumeFileError */
export async function readAt(
  handle: FileHandle,
  path: string,
  target: Uint8Array,
  position: number,
): Promise<number> {
  let done = 0;
  try {
    while (done < target.length) {
      // One call to the operating system reads at most 2 GiB.
      const length = Math.min(target.length - done, 2 ** 30);
      const { bytesRead } = await handle.read(target, done, length, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
  } catch (cause) {
    throw notReadable(path, cause);
  }
  return done;
}

export function notReadable(path: string, cause: unknown): VolumeFileError {
  const problem = `cannot be read (${reason(cause)})`;
  return new VolumeFileError(path, problem, "Check the path and the permissions.", { cause });
}
