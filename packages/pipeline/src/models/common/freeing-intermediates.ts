import { isGradEnabled, scope } from "@slicestack/torch";

/**
 * Runs a part of a forward pass. Without gradients, its intermediate tensors are freed at its end instead of at the end of the
 * enclosing scope. With gradients they are needed, and nothing is freed.
 */
export function freeingIntermediates<T>(part: () => T): T {
  return isGradEnabled() ? part() : scope(part);
}
