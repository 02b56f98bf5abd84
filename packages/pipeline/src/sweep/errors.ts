import { crossThreads } from "../engine/thread-errors.js";

/** A sweep, its folder or one of its trials cannot be used as requested. */
export class SweepError extends Error {
  override readonly name = "SweepError";
  constructor(
    /** A file or a folder. */
    readonly path: string,
    readonly problem: string,
    readonly remedy: string,
  ) {
    super(`${path}: ${problem}. ${remedy}`);
  }
}

crossThreads(import.meta.url, SweepError);
