/** A permutation test of group membership: does it matter in which group a subject is? */
import { rowsBySubject } from "@slicestack/stats";

/** Differences closer to the observed one than this count as equal to it. */
const ROUNDING = 1e-12;

/**
 * Shuffles the groups among the subjects of each label (the highest of a subject's volumes), so that every group keeps
 * its number of subjects of each label. If the group does not matter within a label, each shuffle is as likely as the
 * observed groups.
 * @param differences writes `count` statistics, given a group for each row
 * @returns two-sided p-values, twice the smaller tail, because a group with another case mix need not be centred on 0;
 *   NaN if the statistic is undefined
 */
export function membershipTest(
  differences: (groupOf: Int32Array, out: Float64Array) => void,
  count: number,
  sample: { subjects: readonly string[]; labels: readonly number[]; groupOf: Int32Array },
  { permutations, random }: { permutations: number; random: () => number },
): number[] {
  const { subjects, labels, groupOf } = sample;
  const strata = new Map<number, number[][]>();
  for (const rows of rowsBySubject(subjects).values()) {
    const label = rows.reduce((highest, i) => Math.max(highest, labels[i]!), -Infinity);
    const stratum = strata.get(label);
    if (stratum === undefined) strata.set(label, [rows]);
    else stratum.push(rows);
  }
  const observed = new Float64Array(count);
  differences(groupOf, observed);
  const out = new Float64Array(count);
  const below = new Float64Array(count).fill(1);
  const above = new Float64Array(count).fill(1);
  const shuffled = groupOf.slice();
  for (let r = 0; r < permutations; r++) {
    for (const stratum of strata.values()) shuffleGroups(stratum, groupOf, shuffled, random);
    differences(shuffled, out);
    for (let k = 0; k < count; k++) {
      if (!(out[k]! > observed[k]! + ROUNDING)) below[k]! += 1;
      if (!(out[k]! < observed[k]! - ROUNDING)) above[k]! += 1;
    }
  }
  return Array.from(observed, (value, k) =>
    Number.isNaN(value) ? Number.NaN : Math.min(1, (2 * Math.min(below[k]!, above[k]!)) / (permutations + 1)),
  );
}

/** Fisher-Yates over the groups of the subjects. */
function shuffleGroups(
  stratum: readonly number[][],
  groupOf: Int32Array,
  out: Int32Array,
  random: () => number,
): void {
  const groups = stratum.map((rows) => groupOf[rows[0]!]!);
  for (let i = groups.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [groups[i], groups[j]] = [groups[j]!, groups[i]!];
  }
  stratum.forEach((rows, s) => {
    for (const i of rows) out[i] = groups[s]!;
  });
}
