import { spawn } from "node:child_process";
import type { Report } from "./child.js";

/** Limit on the memory of the child: V8's heap, buffers, and what libraries allocate. A larger request fails with a typed error, or else it is a violation. */
const MEMORY_MB = 1024;
/** A file that takes longer counts as a hang: each takes milliseconds. */
const WATCHDOG_SECONDS = 90;

export interface HostileTally {
  /** Number of files read and refused, by format. */
  formats: Map<string, { read: number; refused: number }>;
  /** Violations: crashes, hangs, untyped errors, wrong voxels; each with the number of its file. */
  violations: string[];
  peakMb: number;
}

/**
 * Reads `count` seeded mutations of files of all formats in a child process with bounded memory and a watchdog.
 * After a crash or a hang it continues after the file that caused it.
 */
export async function runHostile(seed: number, count: number): Promise<HostileTally> {
  const tally: HostileTally = { formats: new Map(), violations: [], peakMb: 0 };
  for (let next = 0; next < count && tally.violations.length < 20;)
    next = await runChild(seed, next, count, tally);
  return tally;
}

/** @returns the number of the first file that is not finished */
function runChild(seed: number, first: number, end: number, tally: HostileTally): Promise<number> {
  const script = new URL("child.js", import.meta.url).pathname;
  const command = `ulimit -d ${MEMORY_MB * 1024}; exec "$0" --max-old-space-size=256 "$@"`;
  const args = ["-c", command, process.execPath, script, `${seed}`, `${first}`, `${end}`];
  const child = spawn("/bin/sh", args, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let [done, about, noise] = [first, "before its first file", ""];
  let watchdog = setTimeout(() => undefined, 0);
  const watch = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => {
      about += `: hung for ${WATCHDOG_SECONDS} s`;
      child.kill("SIGKILL");
    }, WATCHDOG_SECONDS * 1000);
  };
  child.stderr?.on("data", (chunk: Buffer) => (noise = (noise + chunk.toString()).slice(-2000)));
  child.on("message", (report: Report) => {
    watch();
    if ("about" in report) about = report.about;
    else if ("violation" in report)
      tally.violations.push(`file ${report.index} of seed ${seed}: ${report.violation}`);
    else count(tally, report);
    if (!("about" in report)) done = report.index + 1;
  });
  watch();
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      clearTimeout(watchdog);
      if (code !== 0 || done < end) {
        const ended = signal ?? `code ${code}`;
        tally.violations.push(
          `file ${done} of seed ${seed}: ${about}: the process ended with ${ended}\n${noise}`,
        );
        done++;
      }
      resolve(done);
    });
  });
}

function count(
  tally: HostileTally,
  report: { outcome: "read" | "refused"; format: string; peakMb: number },
): void {
  const sums = tally.formats.get(report.format) ?? { read: 0, refused: 0 };
  sums[report.outcome]++;
  tally.formats.set(report.format, sums);
  tally.peakMb = Math.max(tally.peakMb, report.peakMb);
}
