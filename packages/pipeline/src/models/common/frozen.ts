/** Frozen parts of a model in training: they compute as in evaluation and do not change. */
import { noGrad } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";

/**
 * Runs `body` with `part` in evaluation mode and without gradients. The mode is set at each call, because `train()` of the
 * enclosing model changes the mode of every part: batch norm statistics would change, and dropout would be active.
 */
export function frozen<T>(part: Module, body: () => T): T {
  part.eval();
  return noGrad(body);
}
