/** One process at a time in a folder: a file that names its owner, and goes with it. */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { codeOf } from "./csv.js";

/** Another process works in the folder. */
export class LockedError extends Error {
  override readonly name = "LockedError";
  constructor(
    readonly folder: string,
    readonly owner: string,
  ) {
    super(
      `${folder}: ${owner} works there. Wait for it, or stop it; if it is gone for certain, remove ${join(folder, LOCK)}.`,
    );
  }
}

const LOCK = ".lock";

interface Owner {
  pid: number;
  host: string;
  /** When the process began, in the system's own ticks: a process id can be used again. */
  started: string;
}

/** Held until disposed. A lock whose process is gone, by a crash or a kill, is taken over; one of another host never is. */
export class FolderLock implements Disposable {
  private constructor(
    private readonly file: string,
    private readonly mark: string,
  ) {}

  /** @throws LockedError */
  static take(folder: string): FolderLock {
    const file = join(folder, LOCK);
    const owner: Owner = { pid: process.pid, host: hostname(), started: startOf(process.pid) ?? "" };
    const mark = JSON.stringify({ ...owner, nonce: randomBytes(6).toString("hex") });
    for (let attempt = 0; attempt < 5; attempt++) {
      if (create(file, mark)) return new FolderLock(file, mark);
      const held = read(file);
      if (held === undefined) continue; // it went in between
      if (held === null || !isGone(held)) {
        const who = held === null ? "another process" : `process ${held.pid}${held.host === hostname() ? "" : ` on ${held.host}`}`; // prettier-ignore
        throw new LockedError(folder, who);
      }
      // Renamed before it is removed: of two that find it stale, one alone succeeds.
      const stale = `${file}.${randomBytes(6).toString("hex")}.stale`;
      try {
        renameSync(file, stale);
        rmSync(stale, { force: true });
      } catch (error) {
        if (codeOf(error) !== "ENOENT") throw error;
      }
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
  const held = read(join(folder, LOCK));
  return held !== undefined && (held === null || !isGone(held));
}

/** A link fails where the name is taken, and what it names was whole before. @returns false where it is taken */
function create(file: string, mark: string): boolean {
  const temporary = `${file}.${randomBytes(6).toString("hex")}.new`;
  writeFileSync(temporary, mark, { flag: "wx" });
  try {
    linkSync(temporary, file);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** undefined where it is gone, null where it says nothing that can be read. */
function read(file: string): Owner | null | undefined {
  try {
    const owner = JSON.parse(readFileSync(file, "utf8")) as Partial<Owner>;
    const { pid, host, started } = owner;
    return typeof pid === "number" && typeof host === "string" && typeof started === "string"
      ? { pid, host, started }
      : null;
  } catch (error) {
    return codeOf(error) === "ENOENT" ? undefined : null;
  }
}

function isGone({ pid, host, started }: Owner): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === "ESRCH";
  }
  const now = startOf(pid);
  return now !== undefined && started !== "" && now !== started;
}

/** Field 22 of /proc/PID/stat; undefined where the system has no such file. */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in parentheses, which may hold anything.
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
