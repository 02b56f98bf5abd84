import { crossThreads } from "../thread-errors.js";

/** Training that cannot go on. */
export class EngineError extends Error {
  override readonly name = "EngineError";
}

crossThreads(EngineError);
