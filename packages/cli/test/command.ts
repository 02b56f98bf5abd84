/** The command as a user runs it: bin/slicestack.js itself, in a separate process, in a temporary folder. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { after } from "node:test";
import type { CommandLine } from "./many-commands.js";

// Its first line is a shell's, which becomes Node by exec: a signal to the process reaches Node.
export const bin = join(import.meta.dirname, "../..", "bin/slicestack.js");

export interface Ended {
  /** Exit code; null where a signal ended the process. */
  status: number | null;
  stdout: string;
  stderr: string;
}

export class CommandFolder {
  /** The folder that commands run in; it goes with the test file. */
  readonly path = mkdtempSync(join(tmpdir(), "slicestack-command-"));
  /** For a process that a test starts by itself. */
  readonly options = { cwd: this.path, env: { ...process.env, XDG_CACHE_HOME: join(this.path, "cache") } };

  constructor() {
    after(() => rmSync(this.path, { recursive: true }));
  }

  run(...args: string[]): Ended {
    const { status, stdout, stderr } = spawnSync(bin, args, { ...this.options, encoding: "utf8" });
    return { status, stdout, stderr };
  }

  /** Runs a command that must succeed. @returns stdout */
  succeed(...args: string[]): string {
    const { status, stdout, stderr } = this.run(...args);
    assert.equal(status, 0, `slicestack ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** Runs command lines one after the other in one process, as a new one for each takes a second or two. */
  runMany(lines: readonly CommandLine[]): Ended[] {
    const [jobs, results] = [join(this.path, "jobs.json"), join(this.path, "results.json")];
    writeFileSync(jobs, JSON.stringify(lines));
    const args = [join(import.meta.dirname, "many-commands.js"), jobs, results];
    const { status, stderr } = spawnSync(process.execPath, args, { ...this.options, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    const ended = JSON.parse(readFileSync(results, "utf8")) as Ended[];
    for (const file of [jobs, results]) rmSync(file);
    return ended;
  }

  /** Starts a command, signals it once `ready` holds, and waits for its end. */
  async interrupt(args: string[], signal: NodeJS.Signals, ready: () => boolean): Promise<Ended> {
    const child = spawn(bin, args, this.options);
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
    child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    const running = () => child.exitCode === null && child.signalCode === null;
    while (running() && !ready()) await setTimeout(10);
    assert.ok(running(), `slicestack ${args.join(" ")} ended before the signal: ${stderr}`);
    child.kill(signal);
    return { status: await ended, stdout, stderr };
  }

  /** Runs a command beside others. @param env further variables */
  async start(args: string[], env: Record<string, string> = {}): Promise<Ended> {
    const child = spawn(bin, args, { ...this.options, env: { ...this.options.env, ...env } });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
    child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
    return {
      status: await new Promise<number | null>((resolve) => child.on("close", resolve)),
      stdout,
      stderr,
    };
  }

  /** Files and folders below `path`; none where it is not there. */
  list(path: string): string[] {
    try {
      return readdirSync(join(this.path, path), { recursive: true, encoding: "utf8" }).sort();
    } catch {
      return [];
    }
  }
}
