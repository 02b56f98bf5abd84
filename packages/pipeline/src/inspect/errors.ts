import { crossThreads } from "../engine/thread-errors.js";

/** What was asked for cannot be looked at. */
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
