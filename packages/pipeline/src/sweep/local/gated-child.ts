/**
 * A process that runs its command only when it is released. The parent can record the process id before releasing it. A
 * parent killed before then leaves a child that exits without doing anything; one killed later leaves a child on
 * record.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Writable } from "node:stream";
import { childProcess, type Owner } from "../../data/lock-owner.js";
import { naming } from "../../engine/system-errors.js";

export interface Command {
  /** Program and arguments. */
  words: readonly string[];
  /** Environment variables added to those of this process; undefined removes one. */
  env?: Readonly<Record<string, string | undefined>>;
  cwd?: string;
  /** File to which its output is appended; by default it is discarded. */
  log?: string;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** What a pool has started for a lease: a process, or work inside this one. */
export interface Started {
  /** The process that does the work. */
  readonly owner: Owner;
  /** Resolves when it has ended. */
  readonly ended: Promise<Exit>;
  /** Lets it begin, once its owner is on record. */
  open(): void;
  /** Ends it before it has begun. */
  discard(): void;
  signal(name: "SIGTERM" | "SIGKILL"): void;
}

/** The shell waits for a line on descriptor 3 and then becomes the command; if the pipe is closed instead, it exits. */
const GATE = 'read -r go <&3 && exec 3<&- && exec "$@"';

export class GatedChild implements Started {
  readonly owner: Owner;
  readonly ended: Promise<Exit>;

  private constructor(
    private readonly child: ChildProcess,
    private readonly pid: number,
  ) {
    this.owner = childProcess(pid);
    this.ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
  }

  /**
   * Starts it in its own process group, so that Ctrl-C in a terminal does not reach it.
   * @throws Error of the file system
   */
  static start({ words, env = {}, cwd, log }: Command): GatedChild {
    const output = log === undefined ? null : naming(log, () => openSync(log, "a"), true);
    try {
      const child = spawn("/bin/sh", ["-c", GATE, "sh", ...words], {
        detached: true,
        stdio: ["ignore", output ?? "ignore", output ?? "ignore", "pipe"],
        env: { ...process.env, ...env },
        ...(cwd === undefined ? {} : { cwd }),
      });
      child.on("error", () => undefined); // A failed start is recognised by the missing pid.
      // A child that is killed at the gate closes the pipe while we may be writing to it.
      child.stdio[3]?.on("error", () => undefined);
      if (child.pid === undefined)
        throw Object.assign(new Error("EAGAIN"), { code: "EAGAIN", syscall: "spawn", path: words[0] });
      return new GatedChild(child, child.pid);
    } finally {
      if (output !== null) closeSync(output);
    }
  }

  open(): void {
    (this.child.stdio[3] as Writable).end("go\n");
  }

  discard(): void {
    (this.child.stdio[3] as Writable).end();
  }

  signal(name: "SIGTERM" | "SIGKILL"): void {
    signalGroup(this.pid, name);
  }
}

/** Sends a signal to a process and all that it started in its group. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The process has already ended.
  }
}
