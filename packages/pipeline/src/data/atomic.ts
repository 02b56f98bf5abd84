import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { readdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { PrepareError } from "./errors.js";

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

/** The same for a file written in pieces; nothing stands under its name before `commit`. */
export class AtomicFileWriter {
  private readonly temporary: string;
  private descriptor: number | null;

  constructor(readonly path: string) {
    this.temporary = temporaryName(path);
    this.descriptor = openSync(this.temporary, "wx");
  }

  write(data: string | Uint8Array): void {
    if (this.descriptor === null) throw new Error(`${this.path}: written to after commit or abort`);
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    for (let done = 0; done < bytes.length;)
      done += writeSync(this.descriptor, bytes, done, Math.min(bytes.length - done, MOST_AT_ONCE));
  }

  commit(): void {
    if (this.descriptor === null) throw new Error(`${this.path}: committed after commit or abort`);
    fsyncSync(this.descriptor);
    closeSync(this.descriptor);
    this.descriptor = null;
    renameSync(this.temporary, this.path);
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

  /** @throws PrepareError where the destination holds something and `overwrite` is not set */
  constructor(
    destination: string,
    private readonly overwrite: boolean,
  ) {
    this.destination = resolve(destination);
    this.refuseOccupied();
    mkdirSync(dirname(this.destination), { recursive: true });
    this.path = temporaryName(this.destination);
    mkdirSync(this.path);
  }

  commit(): void {
    this.refuseOccupied();
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

  private refuseOccupied(): void {
    if (this.overwrite || !existsSync(this.destination)) return;
    if (readdirSync(this.destination).length === 0) return;
    throw new PrepareError(
      `${this.destination}: expected a folder that does not exist yet, it is there and not empty`,
      "Choose another destination, or pass --overwrite to replace it.",
    );
  }
}

export function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
}

/** Removes what writers that were killed left behind in a folder in which nobody else writes now. */
export function removeTemporaries(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder))
    if (/^\..+\.[0-9a-f]{12}\.tmp$/.test(name)) rmSync(join(folder, name), { recursive: true, force: true });
}

/** A rename is only safe from a power cut once its folder is synced; not every file system allows it. */
export function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
