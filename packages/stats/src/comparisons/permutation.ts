/** Permutation tests: what the difference would be if it did not matter which model, or which group, is which. */
import { RangeOfParameterError } from "../errors.js";

/** Differences closer to the observed one than this count as reaching it. */
const ROUNDING = 1e-12;

export interface PermutationTest {
  /** two-sided, one per statistic; NaN where the statistic is undefined */
  p: number[];
  /** number of arrangements examined, including the observed one */
  arrangements: number;
  /** true where these are all possible arrangements */
  exact: boolean;
}

/**
 * Paired permutation test: under "the two models are interchangeable on every subject", swapping them on any subjects
 * is as likely as the observed arrangement. It does not assume that volumes are independent, because whole subjects are
 * swapped, nor any distribution. All arrangements are examined where there are few. Good, Permutation, Parametric and
 * Bootstrap Tests of Hypotheses (2005).
 * @param differences writes `count` differences, first minus second, with the models swapped on subjects where
 *   `swapped` is 1
 */
export function swapTest(
  differences: (swapped: Uint8Array, out: Float64Array) => void,
  count: number,
  subjects: number,
  { permutations = 2000, random }: { permutations?: number; random: () => number },
): PermutationTest {
  if (!Number.isInteger(permutations) || permutations < 1)
    throw new RangeOfParameterError("permutations", "an integer >= 1", String(permutations));
  const swapped = new Uint8Array(subjects);
  const observed = new Float64Array(count);
  differences(swapped, observed);
  const exact = 2 ** subjects <= permutations;
  const others = exact ? 2 ** subjects - 1 : permutations;
  const out = new Float64Array(count);
  const reached = new Float64Array(count).fill(1); // the observed arrangement reaches itself
  for (let r = 1; r <= others; r++) {
    for (let s = 0; s < subjects; s++) swapped[s] = exact ? (r >> s) & 1 : random() < 0.5 ? 1 : 0;
    differences(swapped, out);
    for (let k = 0; k < count; k++)
      if (!(Math.abs(out[k]!) < Math.abs(observed[k]!) - ROUNDING)) reached[k]! += 1;
  }
  const p = Array.from(reached, (n, k) => (Number.isNaN(observed[k]) ? Number.NaN : n / (others + 1)));
  return { p, arrangements: others + 1, exact };
}
