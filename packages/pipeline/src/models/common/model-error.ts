import { crossThreads } from "../../engine/thread-errors.js";

/** A model that cannot be made so, or an input that it was not made for: what was expected, what came, what to do. */
export class ModelError extends Error {
  override readonly name = "ModelError";
  constructor(
    /** The model or head, by its name in the zoo. */
    readonly model: string,
    problem: string,
    remedy: string,
  ) {
    super(`${model}: ${problem}. ${remedy}`);
  }
}

crossThreads(import.meta.url, ModelError);
