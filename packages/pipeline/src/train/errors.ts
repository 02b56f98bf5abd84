import { crossThreads } from "../engine/thread-errors.js";

/** Training cannot continue. */
export class EngineError extends Error {
  override readonly name = "EngineError";
}

crossThreads(import.meta.url, EngineError);
