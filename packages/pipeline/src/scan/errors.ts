import { crossThreads } from "../engine/thread-errors.js";

/** Scans that cannot be predicted as asked, or a model that cannot predict them. */
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
