import { crossThreads } from "../engine/thread-errors.js";

/** Training that cannot go on. */
export class EngineError extends Error {
  override readonly name = "EngineError";
}

crossThreads(import.meta.url, EngineError);
