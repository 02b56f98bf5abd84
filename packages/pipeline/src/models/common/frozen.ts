/** A trained part inside a model that is trained: it computes as in evaluation, and learns nothing. */
import { noGrad } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";

/**
 * Runs `body` with `part` in evaluation mode and without gradients. The mode is set at each call, because `train()` of a
 * model around it sets that of every part inside: its batch norm statistics would drift, its dropout would drop.
 */
export function frozen<T>(part: Module, body: () => T): T {
  part.eval();
  return noGrad(body);
}
