/** Groups tasks into job arrays. Slurm starts each element once the one that it depends on has succeeded. */
import type { Attempt, Member } from "./attempts.js";

export interface PlannedTask extends Omit<Member, "parent"> {
  /** The attempt that must succeed first; null if there is none. */
  after: Attempt | null;
  /** Seconds to wait after an attempt that failed. */
  delay: number;
}

export interface PlannedArray {
  tasks: PlannedTask[];
  /** Index of each task in the array, ascending. */
  elements: number[];
  /**
   * The submission that it waits for. All elements wait for `element` of it or, if that is null, each element for the
   * one with its own index.
   */
  after: { folder: Attempt["folder"]; element: number | null } | null;
  delay: number;
}

/**
 * Groups tasks by the submission that they wait for. If many tasks wait for few of its elements, such as shared slice
 * stages, there is one array for each of those elements; otherwise as few arrays as possible whose indices correspond
 * to its own.
 * @param maxSize Slurm's MaxArraySize; indices are below it
 * @param most elements of an array, where the queue has no room for more
 */
export function arraysOf(tasks: readonly PlannedTask[], maxSize: number, most = Infinity): PlannedArray[] {
  return wholeArrays(tasks, maxSize).flatMap((array) => pieces(array, most));
}

/** The elements keep their indices, so that those of the submission that they wait for still correspond. */
function pieces(array: PlannedArray, most: number): PlannedArray[] {
  const { tasks, elements } = array;
  if (tasks.length <= most) return [array];
  const starts = Array.from({ length: Math.ceil(tasks.length / most) }, (_, k) => k * most);
  return starts.map((start) => {
    const [from, to] = [start, start + most];
    return { ...array, tasks: tasks.slice(from, to), elements: elements.slice(from, to) };
  });
}

function wholeArrays(tasks: readonly PlannedTask[], maxSize: number): PlannedArray[] {
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

/** An array of a stage, with its part in the limit on tasks that run at the same time. */
export interface ThrottledArray {
  array: PlannedArray;
  throttle: number | undefined;
  /** Position in the list of the array after which it starts; null if there is none. */
  behind: number | null;
}

/**
 * Divides the throttle among the arrays. If there are more arrays than it allows, later ones wait for earlier ones to
 * end.
 */
export function throttled(arrays: readonly PlannedArray[], throttle: number | null): ThrottledArray[] {
  if (throttle === null) return arrays.map((array) => ({ array, throttle: undefined, behind: null }));
  const [part, rest] = [Math.floor(throttle / arrays.length), throttle % arrays.length];
  return arrays.map((array, k) => ({
    array,
    throttle: Math.max(1, part + (k < rest && part > 0 ? 1 : 0)),
    behind: k >= throttle ? k - throttle : null,
  }));
}
