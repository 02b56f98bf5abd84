import { crossThreads } from "../engine/thread-errors.js";

/** What is asked to be explained cannot be. */
export class ExplainError extends Error {
  override readonly name = "ExplainError";
  constructor(problem: string, remedy: string) {
    super(`${problem}. ${remedy}`);
  }
}

crossThreads(import.meta.url, ExplainError);
