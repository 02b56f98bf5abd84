/** Refuses input from which no metric can be computed, before anything is computed. */
import { LabelError, PredictionsError, ProbabilityError, ShapeError } from "../errors.js";

/**
 * The scores of one model on one part: all that a statistic needs, one entry per volume. `probabilities` is volumes x
 * classes.
 */
export interface Scored {
  /** 0..C-1 */
  readonly labels: readonly number[];
  readonly probabilities: readonly (readonly number[])[];
  readonly subjects: readonly string[];
}

/** Scores with the name of their part, so that what must be chosen on the validation set refuses the test set. */
export interface PartScored extends Scored {
  readonly part: "val" | "test";
}

/** How far the sum of a row of probabilities may be from 1 (a bfloat16 softmax has three significant digits). */
const SUM_TOLERANCE = 1e-3;

/**
 * Refuses what no metric can be computed from.
 * @throws ShapeError for different lengths or no rows, LabelError for labels outside 0..C-1,
 *   ProbabilityError for NaN, infinities, values outside 0..1 and rows that do not sum to 1 within 1e-3
 */
export function checkScores(
  labels: readonly number[],
  probabilities: readonly (readonly number[])[],
  classes: number,
): void {
  if (labels.length === 0) throw new ShapeError("labels", "at least one row", "none");
  if (probabilities.length !== labels.length)
    throw new ShapeError(
      "probabilities",
      `${labels.length} rows, as many as labels`,
      `${probabilities.length}`,
    );
  checkProbabilities(probabilities, classes);
  checkLabels(labels, classes);
}

/** @throws ShapeError where there are no rows or a row does not have length C, ProbabilityError as checkScores */
export function checkProbabilities(probabilities: readonly (readonly number[])[], classes: number): void {
  if (probabilities.length === 0) throw new ShapeError("probabilities", "at least one row", "none");
  probabilities.forEach((row, i) => checkRow(row, i, classes));
}

function checkRow(row: readonly number[], index: number, classes: number): void {
  if (row.length !== classes)
    throw new ShapeError(`probabilities, row ${index}`, `${classes} values, one per class`, `${row.length}`);
  let sum = 0;
  for (const p of row) {
    if (!(p >= 0 && p <= 1 + SUM_TOLERANCE)) throw new ProbabilityError(index, "values in 0..1", String(p));
    sum += p;
  }
  if (Math.abs(sum - 1) > SUM_TOLERANCE)
    throw new ProbabilityError(index, `a sum of 1 within ${SUM_TOLERANCE}`, `a sum of ${sum}`);
}

/**
 * Checks scores that have subjects.
 * @returns C, the number of classes   @throws the errors of checkScores; ShapeError unless each volume has a subject
 */
export function checkScored({ labels, probabilities, subjects }: Scored): number {
  const classes = probabilities[0]?.length ?? 0;
  checkScores(labels, probabilities, classes);
  if (subjects.length !== labels.length)
    throw new ShapeError("subjects", `${labels.length} values, as many as labels`, String(subjects.length));
  return classes;
}

/**
 * Refuses to choose anything on the test set: a threshold, temperature or quantile that has seen the test set makes its
 * scores too good.
 * @param what e.g. "the temperature"   @throws PredictionsError unless the part is val; the errors of checkScored
 */
export function checkFittedOnVal(what: string, scored: PartScored): number {
  if (scored.part !== "val")
    throw new PredictionsError(
      `${what} is fitted on the validation set and then frozen: expected part val, received ${scored.part}. Pass the predictions of val`,
    );
  return checkScored(scored);
}

/** @throws LabelError for anything but an integer 0..C-1 */
export function checkLabels(labels: readonly number[], classes: number): void {
  labels.forEach((label, i) => {
    if (!Number.isInteger(label) || label < 0 || label >= classes)
      throw new LabelError(i, classes, String(label));
  });
}
