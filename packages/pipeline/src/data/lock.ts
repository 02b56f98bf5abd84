/** One process at a time in a folder: a file that names its owner, and goes with it. */
import { createHash, randomBytes } from "node:crypto";
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { codeOf } from "./error-code.js";
import { isGone, thisProcess, type Owner } from "./lock-owner.js";
import { crossThreads } from "../engine/thread-errors.js";

/** Another process works in the folder. */
export class LockedError extends Error {
  override readonly name = "LockedError";
  constructor(
    readonly folder: string,
    readonly owner: string,
  ) {
    super(
      `${folder}: ${owner} works there. Wait for it, or stop it. If it is gone for certain, remove ${join(folder, LOCK)}; train takes over with --take-over.`,
    );
  }
}

crossThreads(import.meta.url, LockedError);

const LOCK = ".lock";

/** A lock as it was found: who holds it, where that can be read, and the hash of what the file says. */
interface Found {
  owner: Owner | null;
  hash: string;
}

/**
 * Held until disposed. A lock whose process is gone, by a crash, a kill, a reboot, or the end of its Slurm job, is taken over;
 * one of a process that cannot be seen from here, on another machine or in another container, only with `takeOver`.
 *
 * To take over a lock means to create, beside it, the file that is named for its hash, which one process alone can do, and
 * then to replace the lock. So a lock that somebody else took over in the meantime is never touched; and where the one who
 * took over died in between, its own file is taken over in the same way.
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
      if (first === undefined || last === undefined) continue; // it went in between
      if (last.owner === null && attempt < 10) {
        pause(20); // where links are refused, a lock is empty for a moment
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
      rmSync(claim, { force: true }); // the lock was given back, or taken over, before the claim was there
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

/** Whether a process works in the folder, as far as can be told from here. */
export function isHeld(folder: string): boolean {
  const file = join(folder, LOCK);
  const first = read(file);
  const last = first === undefined ? undefined : lastClaim(file, first);
  return last !== undefined && (last.owner === null || !isGone(last.owner));
}

/** What it names was whole before; a link fails where the name is taken. @returns false where it is taken */
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
    if (["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(code)) return createPlainly(file, mark);
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

/** Puts the mark in the place of a lock that was claimed, and removes the claims that led there. */
function replace(file: string, mark: string): void {
  const temporary = `${file}.${randomBytes(6).toString("hex")}.new`;
  writeFileSync(temporary, mark, { flag: "wx" });
  renameSync(temporary, file);
  const [folder, start] = [dirname(file), `${basename(file)}.`];
  for (const name of readdirSync(folder))
    if (name.startsWith(start) && name.endsWith(".claim")) rmSync(join(folder, name), { force: true });
}

const claimOn = (file: string, { hash }: Found): string => `${file}.${hash.slice(0, 16)}.claim`;

/** Where a process died while it took over, its claim stands for the lock. */
function lastClaim(file: string, first: Found): Found | undefined {
  let last: Found = first;
  for (let depth = 0; depth < 100; depth++) {
    const next = read(claimOn(file, last));
    if (next === undefined) return last;
    last = next;
  }
  return undefined;
}

/** undefined where there is none; without an owner where it says nothing that can be read. */
function read(file: string): Found | undefined {
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
  const isContained = !isElsewhere && owner.pidNamespace !== undefined && owner.pidNamespace !== here.pidNamespace;
  const where = isElsewhere ? ` on ${owner.host}` : isContained ? " in another container" : "";
  const job = owner.slurm === undefined ? "" : ` (Slurm job ${owner.slurm.job})`;
  return `process ${owner.pid}${where}${job}`;
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
