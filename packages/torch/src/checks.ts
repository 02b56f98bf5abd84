/** Checks of arguments that would otherwise block JavaScript or exhaust memory before libtorch could refuse them. */
import { ArgumentError } from "./errors.js";

/** More layers or tensors than any model has; a longer list is a mistake. */
const MOST = 1_000_000;

/** A whole number from `low` to `high`. @throws ArgumentError */
export function wholeNumber(
  name: string,
  value: number,
  [low, high]: [low: number, high: number],
  op: string,
): number {
  if (Number.isSafeInteger(value) && value >= low && value <= high) return value;
  throw new ArgumentError(
    `${name}: expected a whole number from ${low} to ${high}, received ${String(value)}`,
    op,
  );
}

/** The items of an iterable as an array. @throws ArgumentError for something that is not iterable or is endless */
export function listed<T>(name: string, items: Iterable<T>, op: string): T[] {
  const iterator = typeof items === "object" && items !== null ? items[Symbol.iterator] : undefined;
  if (typeof iterator !== "function")
    throw new ArgumentError(`${name}: expected a list, received ${typeof items}`, op);
  const list: T[] = [];
  for (const item of items) {
    if (list.length === MOST)
      throw new ArgumentError(`${name}: expected at most ${MOST} items, received more`, op);
    list.push(item);
  }
  return list;
}

/** @throws ArgumentError for something that is not a Map */
export function checkMap(name: string, value: ReadonlyMap<string, unknown>, op: string): void {
  if (value instanceof Map) return;
  throw new ArgumentError(`${name}: expected a Map of tensors by name, as returned by stateDict()`, op);
}
