/**
 * Where several thresholds are equally good on the validation set, the one in the middle of their longest run depends
 * least on chance. Values within rounding of the largest count as equal to it.
 * @returns its index
 */
export function middleOfBest(values: readonly number[]): number {
  const best = Math.max(...values);
  let longest = { start: 0, length: 0 };
  let start = 0;
  for (let i = 0; i <= values.length; i++) {
    if (i < values.length && values[i]! >= best - 1e-12) continue;
    if (i - start > longest.length) longest = { start, length: i - start };
    start = i + 1;
  }
  return longest.start + Math.floor((longest.length - 1) / 2);
}
