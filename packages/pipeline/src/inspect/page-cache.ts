/** How much of a file the operating system holds in memory, and emptying that: by the tools of util-linux and coreutils, where they are. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Share of a file that is held in memory, 0..1; null where nobody can tell. */
export async function cachedShare(file: string): Promise<number | null> {
  try {
    const { stdout } = await run("fincore", ["--bytes", "--noheadings", "--output", "RES,SIZE", file]);
    const [resident = NaN, size = NaN] = stdout.trim().split(/\s+/).map(Number);
    return Number.isFinite(resident) && size > 0 ? Math.min(1, resident / size) : null;
  } catch {
    return null;
  }
}

/** Asks the system to forget a file that nobody has mapped; whether it did, `cachedShare` tells. */
export async function forget(file: string): Promise<void> {
  try {
    await run("dd", [`if=${file}`, "iflag=nocache", "count=0", "status=none"]);
  } catch {
    // Another dd, or none: what is measured then is warm, and is said to be.
  }
}
