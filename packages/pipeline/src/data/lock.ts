/** Reserves a folder for one process at a time, by a file that names its owner and is removed when the owner is done. */
import { createHash, randomBytes } from "node:crypto";
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { codeOf } from "./error-code.js";
import { isGone, thisProcess, type Owner } from "./lock-owner.js";
import { crossThreads } from "../engine/thread-errors.js";

/** Another process is using the folder. */
export class LockedError extends Error {
  override readonly name = "LockedError";
  constructor(
    readonly folder: string,
    readonly owner: string,
  ) {
    super(
      `${folder}: ${owner} is using this folder. Wait for it, or stop it. If it has certainly ended, remove ${join(folder, LOCK)}, or pass --take-over to train.`,
    );
  }
}

crossThreads(import.meta.url, LockedError);

const LOCK = ".lock";

/** A lock file as it was read: its owner, if the content can be parsed, and the hash of the content. */
interface LockFile {
  owner: Owner | null;
  hash: string;
}

/**
 * Held until disposed. A lock whose process has ended, by a crash, a kill, a reboot or the end of its Slurm job, is taken
 * over. A lock of a process that is not visible from here, on another machine or in another container, is taken over only
 * with `takeOver`.
 *
 * To take over a lock, a process creates a claim beside it, a file named after the lock's hash, which only one process can
 * create, and then replaces the lock. A lock that another process took over in the meantime is therefore never touched. If
 * a process dies between the two steps, its claim is taken over in the same way.
 */
export class FolderLock implements Disposable {
  private constructor(
    private readonly file: string,
    private readonly mark: string,
  ) {}

  /** @throws LockedError */
  static take(folder: string, { takeOver = false }: { takeOver?: boolean } = {}): FolderLock {
    const file = join(folder, LOCK);
    const mark = JSON.stringify({ ...thisProcess(), nonce: randomBytes(6).toString("hex") });
    for (let attempt = 0; attempt < 20; attempt++) {
      if (create(file, mark)) return new FolderLock(file, mark);
      const first = read(file);
      const last = first === undefined ? undefined : lastClaim(file, first);
      if (first === undefined || last === undefined) continue; // it was released in the meantime
      if (last.owner === null && attempt < 10) {
        pause(20); // on file systems without links, a lock is empty for a moment
        continue;
      }
      if (!takeOver && (last.owner === null || !isGone(last.owner)))
        throw new LockedError(folder, ownerText(last.owner));
      const claim = claimOn(file, last);
      if (!create(claim, mark)) continue;
      if (read(file)?.hash === first.hash) {
        replace(file, mark);
        return new FolderLock(file, mark);
      }
      rmSync(claim, { force: true }); // the lock was released or taken over before the claim existed
    }
    throw new LockedError(folder, "another process");
  }

  [Symbol.dispose](): void {
    try {
      if (readFileSync(this.file, "utf8") === this.mark) rmSync(this.file, { force: true });
    } catch {
      // The folder was moved or removed; the lock went with it.
    }
  }
}

/** Whether a process is using the folder, as far as is visible from here. */
export function isHeld(folder: string): boolean {
  const file = join(folder, LOCK);
  const first = read(file);
  const last = first === undefined ? undefined : lastClaim(file, first);
  return last !== undefined && (last.owner === null || !isGone(last.owner));
}

/** Creates the lock with its complete content: linking fails if the name is taken. @returns false if it is taken */
function create(file: string, mark: string): boolean {
  const temporary = `${file}.${randomBytes(6).toString("hex")}.new`;
  writeFileSync(temporary, mark, { flag: "wx" });
  try {
    linkSync(temporary, file);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST") return false;
    // Some file systems have no links (FAT, some network shares).
    if (["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(code))
      return createPlainly(file, mark);
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function createPlainly(file: string, mark: string): boolean {
  try {
    writeFileSync(file, mark, { flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Replaces a claimed lock by the mark, and removes the claims. */
function replace(file: string, mark: string): void {
  const temporary = `${file}.${randomBytes(6).toString("hex")}.new`;
  writeFileSync(temporary, mark, { flag: "wx" });
  renameSync(temporary, file);
  const [folder, start] = [dirname(file), `${basename(file)}.`];
  for (const name of readdirSync(folder))
    if (name.startsWith(start) && name.endsWith(".claim")) rmSync(join(folder, name), { force: true });
}

const claimOn = (file: string, { hash }: LockFile): string => `${file}.${hash.slice(0, 16)}.claim`;

/** If a process died while it took over, its claim counts as the lock. */
function lastClaim(file: string, first: LockFile): LockFile | undefined {
  let last: LockFile = first;
  for (let depth = 0; depth < 100; depth++) {
    const next = read(claimOn(file, last));
    if (next === undefined) return last;
    last = next;
  }
  return undefined;
}

/** undefined if the file does not exist; the owner is null if the content cannot be parsed. */
function read(file: string): LockFile | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  return { owner: parsed(text), hash: createHash("sha256").update(text).digest("hex") };
}

function parsed(text: string): Owner | null {
  try {
    const { pid, host, started, ...more } = JSON.parse(text) as Partial<Owner>;
    if (typeof pid !== "number" || typeof host !== "string" || typeof started !== "string") return null;
    return { ...more, pid, host, started };
  } catch {
    return null;
  }
}

function ownerText(owner: Owner | null): string {
  if (owner === null) return "another process";
  const here = thisProcess();
  const isElsewhere = owner.host !== here.host;
  const isContained =
    !isElsewhere && owner.pidNamespace !== undefined && owner.pidNamespace !== here.pidNamespace;
  const where = isElsewhere ? ` on ${owner.host}` : isContained ? " in another container" : "";
  const job = owner.slurm === undefined ? "" : ` (Slurm job ${owner.slurm.job})`;
  return `process ${owner.pid}${where}${job}`;
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
