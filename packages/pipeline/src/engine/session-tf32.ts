/**
 * TensorFloat-32 in the jobs of a session. libtorch has one switch for the whole process, so a job holds its session's setting
 * until it ends; meanwhile, a job of a session with the other setting is refused.
 */
import { holdTf32, releaseTf32 } from "@slicestack/torch";

let sessionAllows = true;
let isHeld = false;

/** The setting of the session in whose thread this is, true by default. */
export function setSessionTf32(allowed: boolean): void {
  sessionAllows = allowed;
}

/** Called by a job before it computes on CUDA. @throws ArgumentError if a job of another session holds the other setting */
export function holdSessionTf32(): void {
  holdTf32(sessionAllows);
  isHeld = true;
}

/** Called when a job ends; does not load libtorch if the job did not. */
export function releaseSessionTf32(): void {
  if (isHeld) releaseTf32();
  isHeld = false;
}
