import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const child = join(import.meta.dirname, "hostile-child.js");
/** A heap of 192 MB, the codecs' memory and the program itself. */
const MOST_MEGABYTES = 700;

/** @throws AssertionError a crash, a hang, an untyped error, a volume of a truncated file, or too much memory */
export async function hostileRounds(
  seed: number,
  rounds: number,
  hangSeconds: number,
  pattern = "",
): Promise<void> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--max-old-space-size=192", child, String(seed), String(rounds), pattern],
    { timeout: hangSeconds * 1000, killSignal: "SIGKILL" },
  );
  const { outcomes, troubles, megabytes } = JSON.parse(stdout) as {
    outcomes: Record<string, number>;
    troubles: string[];
    megabytes: number;
  };
  assert.deepEqual(troubles, []);
  assert.ok(megabytes < MOST_MEGABYTES, `${megabytes} MB`);
  // The few cases of a pattern may include no file that is set aside.
  if (pattern !== "") return;
  for (const [outcome, count] of Object.entries(outcomes)) {
    assert.ok(count > rounds / 50, `${outcome} too rare to be meaningful: ${JSON.stringify(outcomes)}`);
  }
}
