/**
 * What the operating system refuses (a full disk, a missing permission, a vanished file), in a sentence that names the path,
 * and as an error that says what to do. The one place where codes such as ENOSPC become words.
 */
import { accessSync, constants, statSync } from "node:fs";
import { dirname } from "node:path";
import { crossThreads } from "./thread-errors.js";

/** The operating system refused something. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  constructor(
    /** ENOSPC, EACCES … */
    readonly code: string,
    readonly path: string | null,
    readonly problem: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${problem}. ${remedy}`, options);
  }
}

crossThreads(import.meta.url, SystemError);

interface Words {
  problem: string;
  remedy: string;
}

const WORDS: Record<string, Words> = {
  ENOSPC: { problem: "the disk is full", remedy: "Make room on it, or choose a place on another disk." },
  EDQUOT: { problem: "the disk quota is used up", remedy: "Make room, or choose a place with another quota." },
  EFBIG: {
    problem: "the file would be larger than this system allows",
    remedy: "Raise the limit (ulimit -f), or choose another disk.",
  },
  EROFS: { problem: "the file system is read-only", remedy: "Choose a place that can be written." },
  EACCES: { problem: "permission denied", remedy: "Ask for the permission, or choose another place." },
  EPERM: {
    problem: "the operation is not permitted there",
    remedy: "Ask for the permission, or choose another place.",
  },
  ENOENT: { problem: "no such file or folder", remedy: "Check the path." },
  ENOTDIR: { problem: "a part of the path is a file, not a folder", remedy: "Check the path." },
  EISDIR: { problem: "expected a file, found a folder", remedy: "Check the path." },
  ENOTEMPTY: { problem: "the folder is not empty", remedy: "Choose another place." },
  EEXIST: { problem: "something of this name is there already", remedy: "Choose another name." },
  ELOOP: { problem: "the links there lead in a circle", remedy: "Mend the link." },
  ENAMETOOLONG: { problem: "the path is longer than the file system allows", remedy: "Choose a shorter one." },
  EMFILE: { problem: "this process may open no more files", remedy: "Raise the limit: ulimit -n 4096." },
  ENFILE: { problem: "the system can open no more files", remedy: "Close other programs, or raise fs.file-max." },
  ENOMEM: { problem: "the system has no memory left", remedy: "Close other programs, or use a machine with more." },
  EIO: { problem: "the disk reports an error in reading or writing", remedy: "Check the disk; copy what is on it." },
  ESTALE: { problem: "the network file system has lost the file", remedy: "Mount it again." },
  EBUSY: { problem: "another program holds it", remedy: "Close that program." },
  EXDEV: { problem: "it lies on another file system", remedy: "Choose a place on the same one." },
  ETXTBSY: { problem: "the file is a program that runs", remedy: "Choose another name." },
};

const NO_CWD = "the folder that the command was started in is gone";

/** Shortages of the machine: they say nothing about the file that was met by them. */
const SHORTAGES = new Set(["ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EMFILE", "ENFILE", "ENOMEM"]);

/** An error of a call to the operating system, as Node gives it. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    /^E[A-Z0-9]+$/.test(error.code) &&
    "syscall" in error
  );
}

/** What the machine has too little of, also behind other errors; null where it is something else. */
export function shortageOf(error: unknown): { code: string; path: string | null } | null {
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    if (isSystemError(at) && SHORTAGES.has(at.code)) return { code: at.code, path: at.path ?? null };
  return null;
}

export const isShortage = (error: unknown): boolean => shortageOf(error) !== null;

/** A shortage that a worker thread has met, as an error of the system again. */
export function shortageError({ code, path }: { code: string; path: string | null }): Error {
  return Object.assign(new Error(code), { code, syscall: "", ...(path === null ? {} : { path }) });
}

/** "runs/a/run.log: the disk is full (ENOSPC)"; other errors as they are. */
export function systemText(error: unknown): string {
  if (!isSystemError(error)) return error instanceof Error ? error.message : String(error);
  const words = WORDS[error.code]?.problem ?? error.message;
  return `${error.path === undefined ? "" : `${error.path}: `}${words} (${error.code})`;
}

/**
 * An error of the operating system as one for people; any other is given back as it is.
 * @param goOn what was kept, and the command that goes on: after the general remedy
 */
export function explained(error: unknown, goOn = ""): unknown {
  // One that a worker thread has explained already has its name and its words alone.
  if (error instanceof Error && error.name === "SystemError" && goOn !== "" && !error.message.endsWith(goOn))
    error.message += ` ${goOn}`;
  if (!isSystemError(error) || WORDS[error.code] === undefined) return error;
  if (error.syscall === "uv_cwd")
    return new SystemError(error.code, null, NO_CWD, "Go to a folder that is there: cd.", { cause: error });
  const remedy = [WORDS[error.code]!.remedy, goOn].filter((part) => part !== "").join(" ");
  return new SystemError(error.code, error.path ?? null, systemText(error), remedy, { cause: error });
}

/**
 * Runs what reads or writes a file: Node's errors of open descriptors name no path, and get this one.
 * @param always whether it takes the place of a path that the error names
 */
export function naming<R>(path: string, body: () => R, always = false): R {
  try {
    return body();
  } catch (error) {
    if (isSystemError(error) && (always || error.path === undefined)) error.path = path;
    throw error;
  }
}

/**
 * Before minutes of work: refuses what could not be written at their end.
 * @param path a folder to write into, or a file to write
 * @throws Error of the file system that names the path
 */
export function refuseUnwritable(path: string, kind: "file" | "folder"): void {
  const folder = kind === "folder" ? path : dirname(path);
  // The dot lets a file in the place of the folder be seen.
  naming(path, () => accessSync(`${folder}/.`, constants.W_OK | constants.X_OK), true);
  if (kind === "file" && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
    throw Object.assign(new Error("EISDIR"), { code: "EISDIR", syscall: "open", path });
}
