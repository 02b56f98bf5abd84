/** For each output: the first input, the number of inputs, and their weights (with sum 1), stored `width` apart. */
export interface Taps {
  count: number;
  width: number;
  first: Int32Array;
  length: Int32Array;
  weight: Float64Array;
}

/**
 * Weights of 0 at either end are left out, because 0 times NaN is NaN. @param antialias widens the triangle to the step
 */
export function triangleTaps(from: number, to: number, antialias: boolean): Taps {
  const step = from / to;
  const reach = antialias ? Math.max(step, 1) : 1;
  const width = Math.min(2 * Math.ceil(reach) + 1, from);
  const taps: Taps = {
    count: to,
    width,
    first: new Int32Array(to),
    length: new Int32Array(to),
    weight: new Float64Array(to * width),
  };
  for (let i = 0; i < to; i++) {
    // The centre of the output, in units of inputs whose centres are at .5
    const centre = step * (i + 0.5);
    const weightOf = (input: number) => Math.max(0, 1 - Math.abs(input + 0.5 - centre) / reach);
    let first = Math.max(Math.trunc(centre - reach + 0.5), 0);
    let end = Math.min(Math.trunc(centre + reach + 0.5), from);
    while (first < end - 1 && weightOf(first) === 0) first++;
    while (end > first + 1 && weightOf(end - 1) === 0) end--;
    const weights = Array.from({ length: end - first }, (_, n) => weightOf(first + n));
    const sum = weights.reduce((total, w) => total + w, 0);
    taps.first[i] = first;
    taps.length[i] = weights.length;
    weights.forEach((w, n) => (taps.weight[i * width + n] = w / sum));
  }
  return taps;
}
