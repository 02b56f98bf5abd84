import { crossThreads } from "../engine/thread-errors.js";

/** Scans cannot be predicted as requested, or a model cannot predict them. */
export class PredictError extends Error {
  override readonly name = "PredictError";
  constructor(
    readonly problem: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${problem}. ${remedy}`, options);
  }
}

crossThreads(import.meta.url, PredictError);
