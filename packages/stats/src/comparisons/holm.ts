/** Correction for several comparisons at once. */
import { RangeOfParameterError } from "../errors.js";

/**
 * Holm's step-down adjustment: the chance that any true hypothesis is rejected at `adjusted <= 0.05` is at most 5 %,
 * however the tests depend on each other. Holm, Scand. J. Statist. 6 (1979) 65.
 * @param pValues of one family; NaN (a test that could not be carried out) stays NaN and is not counted
 * @returns adjusted p-values in the same order, each at least the given one
 * @throws RangeOfParameterError for a value outside 0..1
 */
export function holm(pValues: readonly number[]): number[] {
  pValues.forEach((p, i) => {
    if (p < 0 || p > 1) throw new RangeOfParameterError(`holm: pValues[${i}]`, "0..1 or NaN", String(p));
  });
  const order = [...pValues.keys()]
    .filter((i) => !Number.isNaN(pValues[i]))
    .sort((a, b) => pValues[a]! - pValues[b]!);
  const adjusted = new Array<number>(pValues.length).fill(Number.NaN);
  let largest = 0;
  order.forEach((i, k) => {
    largest = Math.max(largest, Math.min(1, (order.length - k) * pValues[i]!));
    adjusted[i] = largest;
  });
  return adjusted;
}
