/** The one shape of what is learned from the validation set: calibrators, thresholds, prediction sets. */

/**
 * A class `C` of this shape is used in three steps: `C.fit(val)` on the validation set, then `apply` to the probabilities
 * of other sets, N x C, and `toJSON` to keep it. `C.fromJSON` makes it again from what was kept.
 */
export interface Fitted<Applied, Kept> {
  /** @param probabilities N x C, rows that sum to 1   @throws the errors of checkProbabilities */
  apply(probabilities: readonly (readonly number[])[]): Applied;
  /** Plain data, as JSON.stringify keeps it. */
  toJSON(): Kept;
}
