/** The indices of a job array, as Slurm writes them: "0-5,9,20-30:5%2". */

/** @returns the indices in order; the throttle after % is ignored */
export function arrayTasks(text: string): number[] {
  const [ranges = ""] = text.split("%");
  return ranges.split(",").flatMap((range) => {
    const match = /^(\d+)(?:-(\d+)(?::(\d+))?)?$/.exec(range.trim());
    if (match === null) return [];
    const [first, last, step] = [Number(match[1]), Number(match[2] ?? match[1]), Number(match[3] ?? 1)];
    return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, k) => first + k * step);
  });
}

/** The shortest list of ranges for indices in ascending order: [0, 1, 2, 5] is "0-2,5". */
export function arrayText(indices: readonly number[], throttle?: number): string {
  const ranges: [number, number][] = [];
  for (const index of indices) {
    const range = ranges.at(-1);
    if (range !== undefined && range[1] === index - 1) range[1] = index;
    else ranges.push([index, index]);
  }
  const text = ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
  return throttle === undefined ? text : `${text}%${throttle}`;
}
