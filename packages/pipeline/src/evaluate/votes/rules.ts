/**
 * From slices to a volume without a second model: the slices vote. Votes are over probabilities or per-class counts;
 * class indices are never added up, which means nothing beyond two classes.
 * S slices, C classes.
 */
import { ShapeError } from "../errors.js";
import { argmax } from "../metrics/confusion.js";

/** Probabilities of the slices of one volume, S x C, in slice order. */
export type SliceProbabilities = readonly ArrayLike<number>[];

function classesOf(slices_SC: SliceProbabilities): number {
  const classes = slices_SC[0]?.length;
  if (classes === undefined) throw new ShapeError("vote: slices", "at least one slice", "none");
  const odd = slices_SC.findIndex((row) => row.length !== classes);
  if (odd >= 0) throw new ShapeError(`vote: slice ${odd}`, `${classes} classes`, String(slices_SC[odd]!.length));
  return classes;
}

/**
 * Mean probability over the slices.
 * @returns C probabilities   @throws ShapeError for no slices or rows of different length
 */
export function meanVote(slices_SC: SliceProbabilities): number[] {
  const sums = new Array<number>(classesOf(slices_SC)).fill(0);
  for (const row of slices_SC) for (let c = 0; c < sums.length; c++) sums[c]! += row[c]!;
  const total = sums.reduce((a, b) => a + b, 0);
  return sums.map((sum) => sum / total);
}

/** How many slices chose each class. @throws ShapeError for no slices or rows of different length */
export function voteCounts(slices_SC: SliceProbabilities): number[] {
  const counts = new Array<number>(classesOf(slices_SC)).fill(0);
  for (const row of slices_SC) counts[argmax(Array.from(row))]! += 1;
  return counts;
}

/**
 * Majority vote: one vote a slice, and the mean probability as one vote more, which decides ties and nothing else.
 * @returns C shares of the S + 1 votes   @throws ShapeError for no slices or rows of different length
 */
export function majorityVote(slices_SC: SliceProbabilities): number[] {
  const mean_C = meanVote(slices_SC);
  return voteCounts(slices_SC).map((count, c) => (count + mean_C[c]!) / (slices_SC.length + 1));
}
