/** The job of listeners.test.ts: says a line every few milliseconds until it is asked to stop, and then writes the file of its input. */
import { writeFileSync } from "node:fs";
import type { JobContext } from "../../src/engine/job.js";

export function job(file: string, { log, stopping }: JobContext): string {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (let line = 0; line < 2000 && !stopping(); line++) {
    log(`line ${line}`);
    Atomics.wait(clock, 0, 0, 5);
  }
  writeFileSync(file, stopping() ? "saved" : "never asked");
  return "result";
}
