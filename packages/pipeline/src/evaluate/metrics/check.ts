/** What no metric can be computed from is refused here, before anything is computed. */
import { LabelError, ProbabilityError, ShapeError } from "../errors.js";

/** How far the sum of a row of probabilities may be from 1 (bfloat16 softmax keeps three digits). */
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
    throw new ShapeError("probabilities", `${labels.length} rows, as many as labels`, `${probabilities.length}`);
  probabilities.forEach((row, i) => checkProbabilities(row, i, classes));
  checkLabels(labels, classes);
}

function checkProbabilities(row: readonly number[], index: number, classes: number): void {
  if (row.length !== classes)
    throw new ShapeError(`probabilities, row ${index}`, `${classes} values, one a class`, `${row.length}`);
  let sum = 0;
  for (const p of row) {
    if (!(p >= 0 && p <= 1 + SUM_TOLERANCE)) throw new ProbabilityError(index, "values in 0..1", String(p));
    sum += p;
  }
  if (Math.abs(sum - 1) > SUM_TOLERANCE)
    throw new ProbabilityError(index, `a sum of 1 within ${SUM_TOLERANCE}`, `a sum of ${sum}`);
}

/** @throws LabelError for anything but an integer 0..C-1 */
export function checkLabels(labels: readonly number[], classes: number): void {
  labels.forEach((label, i) => {
    if (!Number.isInteger(label) || label < 0 || label >= classes) throw new LabelError(i, classes, String(label));
  });
}
