/**
 * Combines slice predictions into a volume prediction without a second model: the slices vote. Votes use probabilities
 * or per-class counts; class indices are never added, because their sum is meaningless beyond two classes.
 * S slices, C classes.
 */
import { ProbabilityError, RangeOfParameterError, ShapeError } from "../errors.js";
import { argmax } from "../metrics/confusion.js";

/** Probabilities of the slices of one volume, S x C, in slice order. */
export type SliceProbabilities = readonly ArrayLike<number>[];

/** 1, with room for the rounding of a bfloat16 softmax. */
const HIGHEST = 1 + 1e-3;

function classesOf(slices_SC: SliceProbabilities): number {
  const classes = slices_SC[0]?.length;
  if (classes === undefined) throw new ShapeError("vote: slices", "at least one slice", "none");
  const ragged = slices_SC.findIndex((row) => row.length !== classes);
  if (ragged >= 0)
    throw new ShapeError(`vote: slice ${ragged}`, `${classes} classes`, String(slices_SC[ragged]!.length));
  slices_SC.forEach((row, s) => {
    // A NaN would count as a vote for class 0.
    for (let c = 0; c < classes; c++)
      if (!(row[c]! >= 0 && row[c]! <= HIGHEST))
        throw new ProbabilityError(s, "values in 0..1", String(row[c]));
  });
  return classes;
}

/**
 * Mean probability over the slices.
 * @returns C probabilities   @throws ShapeError for no slices or rows of different length
 */
export function meanVote(slices_SC: SliceProbabilities): number[] {
  const sums = new Array<number>(classesOf(slices_SC)).fill(0);
  for (const row of slices_SC) for (let c = 0; c < sums.length; c++) sums[c]! += row[c]!;
  return shares(sums);
}

/** How many slices chose each class. @throws ShapeError for no slices or rows of different length */
export function voteCounts(slices_SC: SliceProbabilities): number[] {
  const counts = new Array<number>(classesOf(slices_SC)).fill(0);
  for (const row of slices_SC) counts[argmax(Array.from(row))]! += 1;
  return counts;
}

/**
 * Majority vote: one vote per slice, and the mean probability as one more vote, which only decides ties.
 * @returns C shares of the S + 1 votes   @throws ShapeError for no slices or rows of different length
 */
export function majorityVote(slices_SC: SliceProbabilities): number[] {
  const mean_C = meanVote(slices_SC);
  return voteCounts(slices_SC).map((count, c) => (count + mean_C[c]!) / (slices_SC.length + 1));
}

/**
 * Mean of the k highest probabilities of each class, for findings that fill only a few slices. Where a volume has fewer
 * than k slices, all are used; k = 1 is the maximum.
 * @returns C scores that sum to 1   @throws ShapeError for no slices or rows of different length, RangeOfParameterError
 */
export function topKVote(slices_SC: SliceProbabilities, k: number): number[] {
  if (!Number.isInteger(k) || k < 1)
    throw new RangeOfParameterError("topKVote: k", "an integer >= 1", String(k));
  const classes = classesOf(slices_SC);
  return shares(
    Array.from({ length: classes }, (_, c) => {
      const highest = Float64Array.from(slices_SC, (row) => row[c]!)
        .sort()
        .subarray(-k);
      return highest.reduce((a, b) => a + b, 0) / highest.length;
    }),
  );
}

/**
 * Noisy or: the volume shows class c > 0 unless every slice fails to, P(c) = 1 - Π_s (1 - p_sc), and is of class 0,
 * which shows nothing, where every slice is, P(0) = Π_s p_s0. Pearl, Probabilistic Reasoning in Intelligent Systems
 * (1988). For two classes these already sum to 1. It assumes that slices are independent, which neighbours are not:
 * with many slices its probabilities lie near 0 and 1 and need temperature scaling.
 * @returns C scores that sum to 1   @throws ShapeError for no slices or rows of different length
 */
export function noisyOrVote(slices_SC: SliceProbabilities): number[] {
  const logMiss_C = new Array<number>(classesOf(slices_SC)).fill(0);
  for (const row of slices_SC)
    for (let c = 0; c < logMiss_C.length; c++)
      logMiss_C[c]! += c === 0 ? Math.log(row[0]!) : Math.log1p(-Math.min(1, row[c]!));
  return shares(logMiss_C.map((logMiss, c) => (c === 0 ? Math.exp(logMiss) : 0 - Math.expm1(logMiss))));
}

function shares(scores: readonly number[]): number[] {
  const total = scores.reduce((a, b) => a + b, 0);
  return scores.map((score) => score / total);
}
