import { randomBytes } from "node:crypto";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { VolumeFileError } from "../errors.js";

/**
 * A file that appears under its name only when it is complete: it is written under a temporary name in the same folder,
 * synced and renamed.
 */
export class AtomicFile {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #temporary: string;
  #open = true;

  private constructor(path: string, temporary: string, handle: FileHandle) {
    this.path = path;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  /** @throws VolumeFileError where the folder is missing or not writable */
  static async create(path: string): Promise<AtomicFile> {
    const name = `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`;
    const temporary = join(dirname(path), name);
    try {
      return new AtomicFile(path, temporary, await open(temporary, "wx"));
    } catch (cause) {
      throw new VolumeFileError(
        path,
        `cannot be written (${reason(cause)})`,
        "Check that its folder exists and is writable.",
        {
          cause,
        },
      );
    }
  }

  /** Writes all of `bytes`, at the end, or at `position`. @throws VolumeFileError */
  async write(bytes: ArrayBufferView, position: number | null = null): Promise<void> {
    const all = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let done = 0;
    try {
      while (done < all.length) {
        const at = position === null ? null : position + done;
        // One call to the operating system writes at most 2 GiB.
        done += (await this.#handle.write(all, done, Math.min(all.length - done, 2 ** 30), at)).bytesWritten;
      }
    } catch (cause) {
      throw this.#notWritten(cause);
    }
  }

  /** Makes the file visible. @throws VolumeFileError after removing the temporary file */
  async commit(): Promise<void> {
    try {
      await this.#handle.sync();
      await this.#close();
      await rename(this.#temporary, this.path);
    } catch (cause) {
      await this.abort();
      throw this.#notWritten(cause);
    }
  }

  /** Removes what was written; does nothing after commit. */
  async abort(): Promise<void> {
    await this.#close();
    await rm(this.#temporary, { force: true });
  }

  #notWritten(cause: unknown): VolumeFileError {
    return new VolumeFileError(
      this.path,
      `cannot be written (${reason(cause)})`,
      "Check the space on the disk.",
      {
        cause,
      },
    );
  }

  async #close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#handle.close();
  }
}

/** Runs `fill` on a new file, and commits it, or removes it where `fill` throws. */
export async function writeAtomic(path: string, fill: (file: AtomicFile) => Promise<void>): Promise<void> {
  const file = await AtomicFile.create(path);
  try {
    await fill(file);
  } catch (error) {
    await file.abort();
    throw error;
  }
  await file.commit();
}

/** The operating system's code, such as ENOENT, else the message. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
