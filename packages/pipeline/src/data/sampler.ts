/** Which items an epoch sees, and in which order: a function of seed and epoch alone, so that a resumed run sees the same. */
import type { Random } from "./random.js";

/** A seeded order of all items, or as many draws in proportion to 1 / class frequency. */
export function epochOrder<T extends { label: number }>(
  items: readonly T[],
  options: { random: Random; weighted: boolean },
): T[] {
  const { random, weighted } = options;
  if (!weighted) return random.shuffle([...items]);
  const byClass = new Map<number, T[]>();
  for (const item of items) {
    const same = byClass.get(item.label);
    if (same === undefined) byClass.set(item.label, [item]);
    else same.push(item);
  }
  const classes = [...byClass.values()];
  // Equal chances for the classes, then for the items within: weights 1 / frequency.
  return Array.from(items, () => random.pick(random.pick(classes)));
}

/** `most` items of each group, drawn without replacement; all where a group is smaller. */
export function drawFromEach<T>(groups: readonly (readonly T[])[], most: number | null, random: Random): T[] {
  return groups.flatMap((group) =>
    most === null || group.length <= most ? group : random.shuffle([...group]).slice(0, most),
  );
}

/** `most` items at even distances, the same at each call; all where there are fewer. */
export function spreadOver<T>(items: readonly T[], most: number | null): readonly T[] {
  if (most === null || items.length <= most) return items;
  return Array.from({ length: most }, (_, k) => items[Math.floor(((k + 0.5) * items.length) / most)] as T);
}

/** Consecutive batches; a last one of a single item joins the one before, because batch norm needs two. */
export function batchesOf<T>(items: readonly T[], size: number): T[][] {
  const batches: T[][] = [];
  for (let start = 0; start < items.length; start += size) batches.push(items.slice(start, start + size));
  const last = batches.at(-1);
  if (last?.length === 1 && batches.length > 1) batches.splice(-2, 2, [...(batches.at(-2) ?? []), ...last]);
  return batches;
}
