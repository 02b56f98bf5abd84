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

/** One call to the operating system writes at most 2 GiB. */
const MOST_AT_ONCE = 2 ** 30;

/**
 * Writes a small file so that it is there whole or not at all: temporary name beside it, fsync, rename.
 * @throws Error of the file system; the temporary file is removed then
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
 * Adds to the end of a file: all of it or nothing, where the disk fills up. A kill or a power cut can still tear it.
 * @throws Error of the file system that names the file
 */
export function appendWhole(path: string, text: string): void {
  naming(path, () => {
    const descriptor = openSync(path, "a");
    try {
      addWhole(descriptor, Buffer.from(text));
    } finally {
      closeSync(descriptor);
    }
  });
}

/** The same, of a file that is open for appending. */
export function addWhole(descriptor: number, bytes: Uint8Array): void {
  const before = fstatSync(descriptor).size;
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
    sync(descriptor);
  } catch (error) {
    ftruncateSync(descriptor, before);
    throw error;
  }
}

/** The same for a file written in pieces; nothing stands under its name before `commit`. */
export class AtomicFileWriter {
  private readonly temporary: string;
  private descriptor: number | null;

  constructor(readonly path: string) {
    this.temporary = temporaryName(path);
    // A reader wants to hear of the file, not of the name that it has while it is written.
    this.descriptor = naming(path, () => openSync(this.temporary, "wx"), true);
  }

  write(data: string | Uint8Array): void {
    if (this.descriptor === null) throw new Error(`${this.path}: written to after commit or abort`);
    const { descriptor } = this;
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    naming(this.path, () => {
      for (let done = 0; done < bytes.length;)
        done += writeSync(descriptor, bytes, done, Math.min(bytes.length - done, MOST_AT_ONCE));
    });
  }

  commit(): void {
    if (this.descriptor === null) throw new Error(`${this.path}: committed after commit or abort`);
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

/** A folder built under a temporary name beside its place, and moved there when it is whole. */
export class StagedFolder {
  /** Where to write. */
  readonly path: string;
  private readonly destination: string;
  private open = true;

  /** @throws FolderError where the destination holds something, unless it is of this kind and `overwrite` is set */
  constructor(
    destination: string,
    private readonly kind: FolderKind,
    private readonly overwrite: boolean,
  ) {
    this.destination = resolve(destination);
    refuseOccupied(this.destination, kind, overwrite);
    mkdirSync(dirname(this.destination), { recursive: true });
    this.path = temporaryName(this.destination);
    naming(this.destination, () => mkdirSync(this.path), true);
    markFolder(this.path, kind);
  }

  commit(): void {
    refuseOccupied(this.destination, this.kind, this.overwrite); // somebody may have been quicker
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

/** Beside the path. File systems allow 255 bytes a name: of one that is nearly as long only the beginning is kept. */
export function temporaryName(path: string): string {
  let name = basename(path);
  while (Buffer.byteLength(name) > 200) name = name.slice(0, -1);
  return join(dirname(path), `.${name}.${randomBytes(6).toString("hex")}.tmp`);
}

/** Removes what writers that were killed left behind in a folder in which nobody else writes now. */
export function removeTemporaries(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder))
    if (/^\..+\.[0-9a-f]{12}\.tmp$/.test(name)) rmSync(join(folder, name), { recursive: true, force: true });
}

/** What file systems answer that cannot do what is asked; a disk that is full or broken says something else. */
const UNSUPPORTED = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EPERM", "EACCES", "EISDIR", "EBADF"]);

/** A rename is only safe from a power cut once its folder is synced. Not every file system can; it then goes without. */
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
