import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { codeOf } from "./error-code.js";
import { naming } from "../engine/system-errors.js";
import { markFolder, refuseOccupied, type FolderKind } from "./owned-folder.js";
import { makeFolder } from "./make-folder.js";

/** One call to the operating system writes at most 2 GiB. */
const MOST_AT_ONCE = 2 ** 30;

/**
 * Writes a small file atomically: under a temporary name beside it, synced, then renamed. It is complete or absent.
 * @throws the file system's error, after the temporary file is removed
 */
export function writeFileAtomic(path: string, data: string | Uint8Array): void {
  const writer = new AtomicFileWriter(path);
  try {
    writer.write(data);
    writer.commit();
  } catch (error) {
    writer.abort();
    throw error;
  }
}

/**
 * Appends to a file. If the disk fills up, nothing is appended; a kill or a power cut can still leave part of the text.
 * @throws the file system's error, with the name of the file
 */
export function appendText(path: string, text: string): void {
  naming(path, () => {
    const descriptor = openSync(path, "a");
    try {
      appendBytes(descriptor, Buffer.from(text));
    } finally {
      closeSync(descriptor);
    }
  });
}

/** Like `appendText`, for a file that is already open for appending. */
export function appendBytes(descriptor: number, bytes: Uint8Array): void {
  const before = fstatSync(descriptor).size;
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
    sync(descriptor);
  } catch (error) {
    ftruncateSync(descriptor, before);
    throw error;
  }
}

/** Like `writeFileAtomic`, for a file written in pieces: it appears under its name only on `commit`. */
export class AtomicFileWriter {
  private readonly temporary: string;
  private descriptor: number | null;

  constructor(readonly path: string) {
    this.temporary = temporaryName(path);
    // Errors name the file itself, not its temporary name.
    this.descriptor = naming(path, () => openSync(this.temporary, "wx"), true);
  }

  write(data: string | Uint8Array): void {
    if (this.descriptor === null) throw new Error(`${this.path}: cannot be written to after commit or abort`);
    const { descriptor } = this;
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    naming(this.path, () => {
      for (let done = 0; done < bytes.length;)
        done += writeSync(descriptor, bytes, done, Math.min(bytes.length - done, MOST_AT_ONCE));
    });
  }

  commit(): void {
    if (this.descriptor === null) throw new Error(`${this.path}: cannot be committed after commit or abort`);
    const { descriptor } = this;
    naming(this.path, () => sync(descriptor));
    closeSync(descriptor);
    this.descriptor = null;
    try {
      naming(this.path, () => renameSync(this.temporary, this.path), true);
    } catch (error) {
      rmSync(this.temporary, { force: true });
      throw error;
    }
    syncFolder(dirname(this.path));
  }

  /** Removes what was written; does nothing after commit. */
  abort(): void {
    if (this.descriptor === null) return;
    closeSync(this.descriptor);
    this.descriptor = null;
    rmSync(this.temporary, { force: true });
  }
}

/** A folder that is built under a temporary name beside its destination and renamed when it is complete. */
export class StagedFolder {
  /** The temporary folder, to write into. */
  readonly path: string;
  private readonly destination: string;
  private open = true;

  /** @throws FolderError if the destination is not empty, unless it is a folder of this kind and `overwrite` is set */
  constructor(
    destination: string,
    private readonly kind: FolderKind,
    private readonly overwrite: boolean,
  ) {
    this.destination = resolve(destination);
    refuseOccupied(this.destination, kind, overwrite);
    makeFolder(dirname(this.destination));
    this.path = temporaryName(this.destination);
    naming(this.destination, () => mkdirSync(this.path), true);
    markFolder(this.path, kind);
  }

  commit(): void {
    refuseOccupied(this.destination, this.kind, this.overwrite); // another process may have created it in the meantime
    syncFolder(this.path);
    const old = existsSync(this.destination) ? temporaryName(this.destination) : null;
    if (old !== null) renameSync(this.destination, old);
    renameSync(this.path, this.destination);
    this.open = false;
    syncFolder(dirname(this.destination));
    if (old !== null) rmSync(old, { recursive: true, force: true });
  }

  /** Removes the temporary folder; does nothing after commit. */
  abort(): void {
    if (this.open) rmSync(this.path, { recursive: true, force: true });
    this.open = false;
  }
}

/** A hidden temporary name beside the path. File systems allow 255 bytes per name, so a long name is shortened. */
export function temporaryName(path: string): string {
  let name = basename(path);
  while (Buffer.byteLength(name) > 200) name = name.slice(0, -1);
  return join(dirname(path), `.${name}.${randomBytes(6).toString("hex")}.tmp`);
}

/** Removes what killed writers left behind in a folder that no other process is writing to. */
export function removeTemporaries(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder))
    if (/^\..+\.[0-9a-f]{12}\.tmp$/.test(name)) rmSync(join(folder, name), { recursive: true, force: true });
}

/** Error codes of file systems that do not support an operation; a full or broken disk gives other codes. */
const UNSUPPORTED = new Set([
  "EINVAL",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EPERM",
  "EACCES",
  "EISDIR",
  "EBADF",
]);

/** Syncs a folder: a rename survives a power cut only once its folder is synced. Unsupported on some file systems. */
export function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    if (UNSUPPORTED.has(codeOf(error))) return;
    throw error;
  }
  try {
    sync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function sync(descriptor: number): void {
  try {
    fsyncSync(descriptor);
  } catch (error) {
    if (!UNSUPPORTED.has(codeOf(error))) throw error;
  }
}
