/**
 * Turns errors of the operating system (a full disk, a missing permission, a vanished file) into sentences that name the path
 * and say what to do. Codes such as ENOSPC become words only here.
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
  ENOSPC: {
    problem: "the disk is full",
    remedy: "Free some space on it, or choose a folder on another disk.",
  },
  EDQUOT: {
    problem: "the disk quota is used up",
    remedy: "Free some space, or choose a folder with another quota.",
  },
  EFBIG: {
    problem: "the file would be larger than this system allows",
    remedy: "Raise the limit (ulimit -f), or choose another disk.",
  },
  EROFS: { problem: "the file system is read-only", remedy: "Choose a folder that can be written to." },
  EACCES: { problem: "permission denied", remedy: "Ask for the permission, or choose another folder." },
  EPERM: {
    problem: "the operation is not permitted there",
    remedy: "Ask for the permission, or choose another folder.",
  },
  ENOENT: { problem: "no such file or folder", remedy: "Check the path." },
  ENOTDIR: { problem: "a part of the path is a file, not a folder", remedy: "Check the path." },
  EISDIR: { problem: "expected a file, found a folder", remedy: "Check the path." },
  ENOTEMPTY: { problem: "the folder is not empty", remedy: "Choose another folder." },
  EEXIST: { problem: "something with this name already exists", remedy: "Choose another name." },
  ELOOP: { problem: "its symbolic links form a loop", remedy: "Correct the links." },
  ENAMETOOLONG: {
    problem: "the path is longer than the file system allows",
    remedy: "Choose a shorter one.",
  },
  EMFILE: { problem: "this process has too many open files", remedy: "Raise the limit: ulimit -n 4096." },
  ENFILE: {
    problem: "the system has too many open files",
    remedy: "Close other programs, or raise fs.file-max.",
  },
  ENOMEM: {
    problem: "the system is out of memory",
    remedy: "Close other programs, or use a machine with more.",
  },
  EIO: {
    problem: "the disk reported a read or write error",
    remedy: "Check the disk, and back up its files.",
  },
  ESTALE: { problem: "the network file system has lost the file", remedy: "Mount it again." },
  EBUSY: { problem: "another program is using it", remedy: "Close that program." },
  EXDEV: { problem: "it is on another file system", remedy: "Choose a folder on the same one." },
  ETXTBSY: { problem: "the file is a running program", remedy: "Choose another name." },
};

const NO_CWD = "the folder that the command was started in no longer exists";

/** The disk takes no more: whatever is written next will fail, too. */
const OF_DISK = ["ENOSPC", "EDQUOT", "EFBIG", "EROFS"];
/** Shortages of the machine: they do not mean that the file is at fault. */
const SHORTAGES = new Set([...OF_DISK, "EMFILE", "ENFILE", "ENOMEM"]);

export interface Shortage {
  /** ENOSPC, EDQUOT … */
  code: string;
  path: string | null;
}

/** Whether this is Node's error for a call to the operating system that failed. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    /^E[A-Z0-9]+$/.test(error.code) &&
    "syscall" in error
  );
}

/** The shortage that caused an error, directly or through its causes; null if something else caused it. */
export function shortageOf(error: unknown): Shortage | null {
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    if ((isSystemError(at) || at instanceof SystemError) && SHORTAGES.has(at.code))
      return { code: at.code, path: pathIn(at) };
  return null;
}

/** The shortage if it is one of the disk. */
export function diskShortageOf(error: unknown): Shortage | null {
  const shortage = shortageOf(error);
  return shortage !== null && OF_DISK.includes(shortage.code) ? shortage : null;
}

/** The file that could not be written, where Node names two: a copy fails at its destination. */
function pathIn(error: SystemError | NodeJS.ErrnoException): string | null {
  const isFull = OF_DISK.includes(error.code ?? "");
  return isFull && "dest" in error && typeof error.dest === "string" ? error.dest : (error.path ?? null);
}

export const isShortage = (error: unknown): boolean => shortageOf(error) !== null;

/** Turns a shortage that a worker thread reported back into a system error. */
export function shortageError({ code, path }: Shortage): Error {
  return Object.assign(new Error(code), { code, syscall: "", ...(path === null ? {} : { path }) });
}

/** For example "runs/a/run.log: the disk is full (ENOSPC)"; the message of any other error is unchanged. */
export function systemText(error: unknown): string {
  if (!isSystemError(error)) return error instanceof Error ? error.message : String(error);
  const words = WORDS[error.code]?.problem ?? error.message;
  const path = pathIn(error);
  return `${path === null ? "" : `${path}: `}${words} (${error.code})`;
}

/**
 * Turns an error of the operating system into one that a user can understand; any other error is returned unchanged.
 * @param continuation what was kept and how to continue; it follows the general remedy
 */
export function explained(error: unknown, continuation = ""): unknown {
  // An error that a worker thread has explained arrives with its name and message only.
  if (
    error instanceof Error &&
    error.name === "SystemError" &&
    continuation !== "" &&
    !error.message.endsWith(continuation)
  )
    error.message += ` ${continuation}`;
  if (!isSystemError(error) || WORDS[error.code] === undefined) return error;
  if (error.syscall === "uv_cwd")
    return new SystemError(error.code, null, NO_CWD, "Change to an existing folder with cd.", {
      cause: error,
    });
  const remedy = [WORDS[error.code]!.remedy, continuation].filter((part) => part !== "").join(" ");
  return new SystemError(error.code, pathIn(error), systemText(error), remedy, { cause: error });
}

/**
 * Runs code that reads or writes a file. Node's errors about open descriptors do not name a path; they get this one.
 * @param always whether it replaces a path that the error names
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
 * Checks before a long computation that its result can be written.
 * @param path a folder to write into, or a file to write
 * @throws Error of the file system that names the path
 */
export function refuseUnwritable(path: string, kind: "file" | "folder"): void {
  const folder = kind === "folder" ? path : dirname(path);
  // With the dot, the check also fails for a file with the name of the folder.
  naming(path, () => accessSync(`${folder}/.`, constants.W_OK | constants.X_OK), true);
  if (kind === "file" && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
    throw Object.assign(new Error("EISDIR"), { code: "EISDIR", syscall: "open", path });
}
