/** The job of session-tf32.test.ts: holds the session's setting, as a job on CUDA does, and waits. */
import { isTf32Allowed } from "@slicestack/torch";
import type { JobContext } from "../../src/engine/job.js";
import { holdSessionTf32 } from "../../src/engine/session-tf32.js";

export interface Tf32Job {
  /** Wait until the caller asks to stop. */
  waits?: boolean;
  fails?: boolean;
}

/** @returns whether TF32 is allowed while the job runs */
export async function job(
  { waits = false, fails = false }: Tf32Job,
  { event, stopping }: JobContext,
): Promise<boolean> {
  holdSessionTf32();
  event("held");
  while (waits && !stopping()) await new Promise((resolve) => setTimeout(resolve, 5));
  if (fails) throw new RangeError("as asked");
  return isTf32Allowed();
}
