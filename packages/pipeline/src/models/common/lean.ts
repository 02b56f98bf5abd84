import { isGradEnabled, scope } from "@slicestack/torch";

/**
 * Runs a part of a forward pass; without gradients, what it makes on the way is freed at its end, where otherwise all of it
 * would wait for the end of the scope around. With gradients all of it is needed, and nothing is freed.
 */
export function lean<T>(part: () => T): T {
  return isGradEnabled() ? part() : scope(part);
}
