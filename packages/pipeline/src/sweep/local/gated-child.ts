/**
 * A process that runs its command only once it is told to. Who starts it can write down its process id first: killed before
 * that, it leaves a child that ends without having done anything; killed after it, one that is known.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Writable } from "node:stream";
import { naming } from "../../engine/system-errors.js";

export interface Command {
  /** Program and arguments. */
  words: readonly string[];
  /** Set beside this process's own variables; undefined removes one. */
  env?: Readonly<Record<string, string | undefined>>;
  cwd?: string;
  /** File that its output is appended to; default none is kept. */
  log?: string;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** The shell waits for a line on descriptor 3, and becomes the command; without that line (the pipe closed) it ends. */
const GATE = 'read -r go <&3 && exec 3<&- && exec "$@"';

export class GatedChild {
  /** When it has ended, and its output is closed. */
  readonly ended: Promise<Exit>;

  private constructor(
    private readonly child: ChildProcess,
    readonly pid: number,
  ) {
    this.ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
  }

  /** It has its own process group, so that Ctrl-C in a terminal does not reach it. @throws Error of the file system */
  static start({ words, env = {}, cwd, log }: Command): GatedChild {
    const output = log === undefined ? null : naming(log, () => openSync(log, "a"), true);
    try {
      const child = spawn("/bin/sh", ["-c", GATE, "sh", ...words], {
        detached: true,
        stdio: ["ignore", output ?? "ignore", output ?? "ignore", "pipe"],
        env: { ...process.env, ...env },
        ...(cwd === undefined ? {} : { cwd }),
      });
      child.on("error", () => undefined); // a failed start has no pid
      // A child that was killed at the gate closes the pipe under our hands.
      child.stdio[3]?.on("error", () => undefined);
      if (child.pid === undefined)
        throw Object.assign(new Error("EAGAIN"), { code: "EAGAIN", syscall: "spawn", path: words[0] });
      return new GatedChild(child, child.pid);
    } finally {
      if (output !== null) closeSync(output);
    }
  }

  /** Lets it run its command. */
  open(): void {
    (this.child.stdio[3] as Writable).end("go\n");
  }

  /** Ends it without running its command. */
  discard(): void {
    (this.child.stdio[3] as Writable).end();
  }
}

/** To a process and all that it started in its group. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
}
