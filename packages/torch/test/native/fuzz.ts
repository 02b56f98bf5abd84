/** Runs the fuzz in a child process, so that a crash or a hang is a failed test that names the call. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { native } from "../../src/native/load.js";

const child = fileURLToPath(new URL("./fuzz-child.js", import.meta.url));
/**
 * Some wrong sizes are merely large: under a limit they are refused at once, where they would fill gigabytes.
 * The limit is on addresses, so it starts from what a process with libtorch maps.
 */
function kilobytes(): number {
  native();
  const mapped = /VmSize:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return Number(mapped) + 700_000;
}

export interface FuzzResult {
  targets: number;
  thrown: number;
  returned: number;
  /** Thrown values that were not Errors. */
  wrong: string[];
}

/** @param what the addon's own functions, the package's exports and Tensor's methods, or nn and optim */
export async function fuzz(
  what: "addon" | "public" | "modules",
  calls: number,
  seed: number,
): Promise<FuzzResult> {
  const folder = mkdtempSync(join(tmpdir(), "slicestack-fuzz-"));
  const log = join(folder, "call");
  try {
    const command = `${process.platform === "linux" ? `ulimit -v ${kilobytes()}; ` : ""}ulimit -c 0; exec "$@"`;
    const args = ["-c", command, "sh", process.execPath, child, what, String(calls), String(seed), log];
    const run = spawn("/bin/sh", args, {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: calls * 1000,
      killSignal: "SIGKILL",
    });
    const text = { out: "", err: "" };
    run.stdout.on("data", (chunk: Buffer) => (text.out += chunk.toString()));
    run.stderr.on("data", (chunk: Buffer) => (text.err = (text.err + chunk.toString()).slice(-2000)));
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
      run.on("close", (...end) => resolve(end)),
    );
    const call = readFileSync(log, "utf8").trim().slice(0, 1000);
    assert.equal(
      code,
      0,
      `ended with ${code ?? signal ?? "nothing"} in: ${call}\n(seed ${seed}, ${what})\n${text.err}`,
    );
    return JSON.parse(text.out) as FuzzResult;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
