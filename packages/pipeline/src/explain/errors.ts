import { crossThreads } from "../engine/thread-errors.js";

/** The request cannot be explained. */
export class ExplainError extends Error {
  override readonly name = "ExplainError";
  constructor(
    readonly problem: string,
    readonly remedy: string,
  ) {
    super(`${problem}. ${remedy}`);
  }
}

crossThreads(import.meta.url, ExplainError);
