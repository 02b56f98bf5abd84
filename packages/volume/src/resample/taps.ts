/** For each output: the first input, the number of inputs, and their weights (with sum 1), stored `width` apart. */
export interface Taps {
  count: number;
  width: number;
  first: Int32Array;
  length: Int32Array;
  weight: Float64Array;
}

/** @param antialias widens the triangle to the step */
export function triangleTaps(from: number, to: number, antialias: boolean): Taps {
  const step = from / to;
  const reach = antialias ? Math.max(step, 1) : 1;
  return tapsAt(from, { count: to, reach, centreOf: (i) => step * (i + 0.5) });
}

export interface TriangleAt {
  /** Of outputs. */
  count: number;
  /** Half the width of the triangle, at least 1. */
  reach: number;
  /** The centre of output i, in units of inputs whose centres are at .5 */
  centreOf: (i: number) => number;
}

/**
 * Weights of 0 at either end are left out, because 0 times NaN is NaN. An output outside of all inputs takes the nearest one.
 */
export function tapsAt(from: number, { count, reach, centreOf }: TriangleAt): Taps {
  const width = Math.min(2 * Math.ceil(reach) + 1, from);
  const taps: Taps = {
    count,
    width,
    first: new Int32Array(count),
    length: new Int32Array(count),
    weight: new Float64Array(count * width),
  };
  for (let i = 0; i < count; i++) {
    const centre = centreOf(i);
    const weightOf = (input: number) => Math.max(0, 1 - Math.abs(input + 0.5 - centre) / reach);
    let first = Math.min(Math.max(Math.trunc(centre - reach + 0.5), 0), from - 1);
    let end = Math.max(Math.min(Math.trunc(centre + reach + 0.5), from), first + 1);
    while (first < end - 1 && weightOf(first) === 0) first++;
    while (end > first + 1 && weightOf(end - 1) === 0) end--;
    const weights = Array.from({ length: end - first }, (_, n) => weightOf(first + n));
    const sum = weights.reduce((total, w) => total + w, 0);
    taps.first[i] = first;
    taps.length[i] = weights.length;
    weights.forEach((w, n) => (taps.weight[i * width + n] = sum > 0 ? w / sum : 1));
  }
  return taps;
}
