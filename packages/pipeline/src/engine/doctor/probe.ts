import { execFile } from "node:child_process";
import { statfs } from "node:fs/promises";
import { availableParallelism, freemem, totalmem } from "node:os";
import { dirname } from "node:path";
import type { LibtorchInfo } from "@slicestack/torch";
import { readText } from "@slicestack/torch/limits";
import { homeFolder } from "../cache-location.js";

export type CommandResult =
  { status: "ok"; stdout: string } | { status: "missing" } | { status: "failed"; message: string };

/** What the doctor reads of the machine; tests replace it by samples. */
export interface Probe {
  platform: NodeJS.Platform;
  /** "x64", "arm64" … */
  arch: string;
  env: Record<string, string | undefined>;
  cwd: string;
  home: string;
  logicalCores: number;
  totalBytes: number;
  freeBytes: number;
  /** Content of a text file, or null if it cannot be read. */
  read(path: string): string | null;
  run(command: string, args: string[]): Promise<CommandResult>;
  /** Bytes free for this user on the disk of a path, or of its nearest existing folder. */
  diskFree(path: string): Promise<number | null>;
  /** @throws LibtorchNotFoundError, or another Error if the engine cannot be loaded */
  libtorch(): Promise<LibtorchInfo>;
}

export function systemProbe(): Probe {
  return {
    platform: process.platform,
    arch: process.arch,
    env: process.env,
    cwd: process.cwd(),
    home: homeFolder(),
    logicalCores: availableParallelism(),
    totalBytes: totalmem(),
    freeBytes: freemem(),
    read: readText,
    run: runCommand,
    diskFree,
    // Loaded only here, so that the rest of the diagnosis works even if the engine does not.
    libtorch: async () => (await import("@slicestack/torch")).libtorchInfo(),
  };
}

function runCommand(command: string, args: string[]): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: 10_000 }, (error, stdout, stderr) => {
      if (!error) resolve({ status: "ok", stdout });
      else if (error.code === "ENOENT") resolve({ status: "missing" });
      else resolve({ status: "failed", message: (stderr || stdout || error.message).trim() });
    });
  });
}

async function diskFree(path: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch {
    const parent = dirname(path);
    return parent === path ? null : diskFree(parent);
  }
}
