/** The page cache of a file: measured and dropped by tools of util-linux and coreutils, if they are installed. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Fraction of a file that is in memory, 0..1; null if it cannot be measured. */
export async function cachedShare(file: string): Promise<number | null> {
  try {
    const { stdout } = await run("fincore", ["--bytes", "--noheadings", "--output", "RES,SIZE", file]);
    const [resident = NaN, size = NaN] = stdout.trim().split(/\s+/).map(Number);
    return Number.isFinite(resident) && size > 0 ? Math.min(1, resident / size) : null;
  } catch {
    return null;
  }
}

/** Asks the system to drop a file from memory, which requires that it is not mapped; `cachedShare` tells the result. */
export async function forget(file: string): Promise<void> {
  try {
    await run("dd", [`if=${file}`, "iflag=nocache", "count=0", "status=none"]);
  } catch {
    // Without this dd the measurement is from memory, which the result records.
  }
}
