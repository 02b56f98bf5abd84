/** Training that cannot go on. */
export class EngineError extends Error {
  override readonly name = "EngineError";
}
