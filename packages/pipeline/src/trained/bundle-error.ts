import { crossThreads } from "../engine/thread-errors.js";

/** A bundle cannot be written, or cannot be opened safely. */
export class BundleError extends Error {
  override readonly name = "BundleError";
  constructor(
    readonly file: string,
    readonly problem: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${file}: ${problem}. ${remedy}`, options);
  }
}

crossThreads(import.meta.url, BundleError);
