import type { Scored } from "../metrics/check.js";

/**
 * C² / Σ 1/n_c, n_c the subjects of class c: the trials of a balanced accuracy whose recalls are equal. What a metric that
 * weighs classes alike, or ranks them, is worth where it is perfect, so that no resample differs.
 */
export function balancedSize(
  { labels, subjects }: Pick<Scored, "labels" | "subjects">,
  classes: number,
): number {
  const present = classSizes({ labels, subjects }, classes);
  return present.length ** 2 / present.reduce((sum, size) => sum + 1 / size, 0);
}

/** The subjects of the smallest class that occurs. */
export function smallestClass(scored: Pick<Scored, "labels" | "subjects">, classes: number): number {
  return Math.min(...classSizes(scored, classes));
}

/** The number of subjects of each class that occurs. */
function classSizes({ labels, subjects }: Pick<Scored, "labels" | "subjects">, classes: number): number[] {
  const sizes = Array.from(
    { length: classes },
    (_, c) => new Set(subjects.filter((_, i) => labels[i] === c)).size,
  );
  return sizes.filter((size) => size > 0);
}
