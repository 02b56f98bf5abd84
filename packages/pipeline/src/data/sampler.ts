/** Items and order of an epoch: they depend only on the seed and the epoch, so that a resumed run sees the same. */
import type { Random } from "@slicestack/stats";

export interface OrderOptions {
  random: Random;
  /** Draw all classes equally often: the published weights 1 / class frequency. */
  weighted: boolean;
  /** Draw all subjects equally often; with `weighted`, within their class. */
  bySubject?: boolean;
}

/** A seeded order of all items, or as many draws, in which each class or each subject has the same share. */
export function epochOrder<T extends { label: number; subject: string }>(
  items: readonly T[],
  { random, weighted, bySubject = false }: OrderOptions,
): T[] {
  if (bySubject) return dealtBySubject(items, weighted, random);
  if (!weighted) return random.shuffle([...items]);
  const classes = groupsOf(items, ({ label }) => label);
  // Equal chances for the classes, then for the items within: weights 1 / frequency.
  return Array.from(items, () => random.pick(random.pick(classes)));
}

/**
 * Each subject appears as often as any other, or once more; its items take turns. With `weighted`, each class appears as
 * often as any other, or once more, and so do the subjects within it.
 */
function dealtBySubject<T extends { label: number; subject: string }>(
  items: readonly T[],
  weighted: boolean,
  random: Random,
): T[] {
  const subjects = (classItems: readonly T[]) =>
    dealer(
      groupsOf(classItems, ({ subject }) => subject).map((subjectItems) => dealer(subjectItems, random)),
      random,
    );
  const classes = weighted ? groupsOf(items, ({ label }) => label) : [items];
  const next = dealer(classes.map(subjects), random);
  return Array.from(items, () => next()()());
}

/** Deals the cards one by one: all of them, in a new random order, before any is repeated. */
function dealer<T>(cards: readonly T[], random: Random): () => T {
  let rest: T[] = [];
  return () => {
    if (rest.length === 0) rest = random.shuffle([...cards]);
    return rest.pop() as T;
  };
}

function groupsOf<T, K>(items: readonly T[], keyOf: (item: T) => K): T[][] {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const same = groups.get(keyOf(item));
    if (same === undefined) groups.set(keyOf(item), [item]);
    else same.push(item);
  }
  return [...groups.values()];
}

/** `most` items of each group, drawn without replacement; all of a smaller group. */
export function drawFromEach<T>(groups: readonly (readonly T[])[], most: number | null, random: Random): T[] {
  return groups.flatMap((group) =>
    most === null || group.length <= most ? group : random.shuffle([...group]).slice(0, most),
  );
}

/** `most` items at even distances, the same at each call; all if there are fewer. */
export function spreadOver<T>(items: readonly T[], most: number | null): readonly T[] {
  if (most === null || items.length <= most) return items;
  return Array.from({ length: most }, (_, k) => items[Math.floor(((k + 0.5) * items.length) / most)] as T);
}

/** Consecutive batches; a last one of fewer than `least` items joins the one before, because batch norm needs two values. */
export function batchesOf<T>(items: readonly T[], size: number, least = 2): T[][] {
  const batches: T[][] = [];
  for (let start = 0; start < items.length; start += size) batches.push(items.slice(start, start + size));
  const last = batches.at(-1) ?? [];
  if (last.length < least && batches.length > 1) batches.splice(-2, 2, [...(batches.at(-2) ?? []), ...last]);
  return batches;
}
