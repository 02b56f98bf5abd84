/** Proper scoring rules: their expected value is smallest for the true probabilities. */
import { checkScores } from "../metrics/check.js";

/**
 * Probabilities are clipped to this value before the logarithm, so that a single wrong certainty costs a finite 36
 * nats.
 */
const SMALLEST = Number.EPSILON;

/** -log p of the true class of one volume. */
export function surprise(row: readonly number[], label: number): number {
  return -Math.log(Math.max(row[label]!, SMALLEST));
}

/** Σ over classes of (p - [class is true])² of one volume, 0..2. */
export function squaredError(row: readonly number[], label: number): number {
  let sum = 0;
  for (let c = 0; c < row.length; c++) sum += (row[c]! - (c === label ? 1 : 0)) ** 2;
  return sum;
}

/**
 * Negative log-likelihood (log loss), mean over volumes, in nats. Good, J. R. Stat. Soc. B 14 (1952).
 * @throws ShapeError, LabelError, ProbabilityError as checkScores
 */
export function negativeLogLikelihood(
  labels: readonly number[],
  probabilities: readonly (readonly number[])[],
): number {
  checkScores(labels, probabilities, probabilities[0]?.length ?? 0);
  return mean(labels.map((label, i) => surprise(probabilities[i]!, label)));
}

/**
 * Brier score in its original form, summed over classes, 0..2 (for two classes twice the one-class form).
 * Brier, Mon. Weather Rev. 78 (1950).
 * @throws ShapeError, LabelError, ProbabilityError as checkScores
 */
export function brierScore(labels: readonly number[], probabilities: readonly (readonly number[])[]): number {
  checkScores(labels, probabilities, probabilities[0]?.length ?? 0);
  return mean(labels.map((label, i) => squaredError(probabilities[i]!, label)));
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
