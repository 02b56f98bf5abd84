/** Tasks become job arrays that Slurm starts by itself, each element once the one that it needs has succeeded. */
import type { Attempt, Member } from "./attempts.js";

export interface PlannedTask extends Omit<Member, "parent"> {
  /** The attempt that has to succeed before; null: nothing. */
  after: Attempt | null;
  /** Seconds to wait after an attempt that failed. */
  delay: number;
}

export interface PlannedArray {
  tasks: PlannedTask[];
  /** Index of each task in the array, ascending. */
  elements: number[];
  /**
   * Submission that it waits for: all elements for that one of it, or, with null, each for the one with its own index.
   */
  after: { folder: Attempt["folder"]; element: number | null } | null;
  delay: number;
}

/**
 * Tasks that wait for one submission: where few of its elements are waited for by many, as shared slice stages are, an array
 * for each of those elements; else arrays whose elements correspond to its own, as few as possible.
 * @param maxSize Slurm's MaxArraySize: indices are below it
 */
export function arraysOf(tasks: readonly PlannedTask[], maxSize: number): PlannedArray[] {
  const free = groups(
    tasks.filter(({ after }) => after === null),
    ({ delay }) => String(delay),
  );
  const tied = groups(
    tasks.filter(({ after }) => after !== null),
    ({ after, delay }) => `${delay} ${after!.folder.path}`,
  );
  return [
    ...free.flatMap((group) => dense(group, null, maxSize)),
    ...tied.flatMap((group) => {
      const [together, rounds] = [byParent(group, maxSize), byRound(group)];
      return together.length < rounds.length ? together : rounds;
    }),
  ];
}

function groups(tasks: readonly PlannedTask[], keyOf: (task: PlannedTask) => string): PlannedTask[][] {
  const found = new Map<string, PlannedTask[]>();
  for (const task of tasks) {
    const group = found.get(keyOf(task));
    if (group === undefined) found.set(keyOf(task), [task]);
    else group.push(task);
  }
  return [...found.values()];
}

function dense(group: readonly PlannedTask[], after: PlannedArray["after"], maxSize: number): PlannedArray[] {
  const arrays: PlannedArray[] = [];
  for (let first = 0; first < group.length; first += maxSize) {
    const tasks = group.slice(first, first + maxSize);
    arrays.push({ tasks, elements: [...tasks.keys()], after, delay: tasks[0]!.delay });
  }
  return arrays;
}

function byParent(group: readonly PlannedTask[], maxSize: number): PlannedArray[] {
  const parents = groups(group, ({ after }) => String(after!.element));
  return parents.flatMap((tasks) => {
    const { folder, element } = tasks[0]!.after!;
    return dense(tasks, { folder, element }, maxSize);
  });
}

function byRound(group: readonly PlannedTask[]): PlannedArray[] {
  const rounds: PlannedTask[][] = [];
  const seen = new Map<number, number>();
  for (const task of group) {
    const { element } = task.after!;
    const round = seen.get(element) ?? 0;
    seen.set(element, round + 1);
    (rounds[round] ??= []).push(task);
  }
  return rounds.map((tasks) => {
    const sorted = tasks.sort((a, b) => a.after!.element - b.after!.element);
    const { after, delay } = sorted[0]!;
    const elements = sorted.map((task) => task.after!.element);
    return { tasks: sorted, elements, after: { folder: after!.folder, element: null }, delay };
  });
}

/** How the arrays of a stage keep to one throttle together. */
export interface ThrottledArray {
  array: PlannedArray;
  throttle: number | undefined;
  /** Place in the list of the array that it begins after; null: none. */
  behind: number | null;
}

/** Each gets its part of the throttle; where there are more arrays than that, each one waits for an earlier one to end. */
export function throttled(arrays: readonly PlannedArray[], throttle: number | null): ThrottledArray[] {
  if (throttle === null) return arrays.map((array) => ({ array, throttle: undefined, behind: null }));
  const [part, rest] = [Math.floor(throttle / arrays.length), throttle % arrays.length];
  return arrays.map((array, k) => ({
    array,
    throttle: Math.max(1, part + (k < rest && part > 0 ? 1 : 0)),
    behind: k >= throttle ? k - throttle : null,
  }));
}
