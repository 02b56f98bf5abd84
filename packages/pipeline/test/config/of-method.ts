import assert from "node:assert/strict";
import type { Method, RunConfig, RunConfigOf } from "../../src/config/types.js";

/** A configuration as one of certain methods, whose sections can be read then. */
export function ofMethod<M extends Method>(config: RunConfig, ...methods: M[]): RunConfigOf<M> {
  assert.ok(
    (methods as Method[]).includes(config.method),
    `method ${config.method}, expected ${methods.join(" or ")}`,
  );
  return config as RunConfigOf<M>;
}
