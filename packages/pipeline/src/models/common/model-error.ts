import { crossThreads } from "../../engine/thread-errors.js";

/** A model cannot be created with these settings, or its input does not fit: names what was expected, what was received, and a remedy. */
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
