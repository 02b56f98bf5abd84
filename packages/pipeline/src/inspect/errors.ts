import { crossThreads } from "../engine/thread-errors.js";

/** The request cannot be inspected. */
export class InspectError extends Error {
  override readonly name = "InspectError";
  constructor(
    readonly problem: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${problem}. ${remedy}`, options);
  }
}

crossThreads(import.meta.url, InspectError);
