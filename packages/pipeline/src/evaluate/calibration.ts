/** Proper scores and calibration: do the probabilities mean what they say? */
import { RangeOfParameterError } from "./errors.js";
import { argmax, checkScores } from "./metrics.js";

/** Probabilities are kept at least this far from 0 in the logarithm, so that one wrong certainty is finite (36 nats). */
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

/** Confidence in the predicted class, ascending, with the row each came from and whether it was right (1) or not (0). */
export interface Confidences {
  readonly index: Int32Array;
  readonly confidence: Float64Array;
  readonly correct: Uint8Array;
}

export function sortConfidences(labels: readonly number[], probabilities: readonly (readonly number[])[]): Confidences {
  const top = probabilities.map((row) => row[argmax(row)]!);
  const index = Int32Array.from(top.keys()).sort((a, b) => top[a]! - top[b]! || a - b);
  return {
    index,
    confidence: Float64Array.from(index, (i) => top[i]!),
    correct: Uint8Array.from(index, (i) => (argmax(probabilities[i]!) === labels[i] ? 1 : 0)),
  };
}

/** Bins for n volumes: 10, or fewer so that each holds at least 5. */
export function defaultBins(n: number): number {
  return Math.max(1, Math.min(10, Math.floor(n / 5)));
}

/** One bin of a reliability plot. */
export interface ReliabilityBin {
  /** weight of the volumes in it; not whole where a bin's border falls within a group of equal confidences */
  count: number;
  /** mean confidence in the predicted class */
  confidence: number;
  /** share predicted correctly */
  accuracy: number;
}

/**
 * Cuts the volumes by confidence into bins of equal weight. Volumes of equal confidence are shared evenly between the
 * bins they straddle, so that the result does not depend on the order of rows.
 */
function forEachBin(
  sorted: Confidences,
  bins: number,
  weights: Float64Array | undefined,
  visit: (weight: number, confidence: number, correct: number) => void,
): void {
  const { index, confidence, correct } = sorted;
  const weightOf = (k: number) => (weights === undefined ? 1 : weights[index[k]!]!);
  let total = 0;
  for (let k = 0; k < index.length; k++) total += weightOf(k);
  const size = total / bins;
  const slack = size * 1e-9;
  let binWeight = 0;
  let binConfidence = 0;
  let binCorrect = 0;
  const close = () => {
    visit(binWeight, binConfidence / binWeight, binCorrect / binWeight);
    binWeight = binConfidence = binCorrect = 0;
  };
  for (let start = 0; start < index.length;) {
    let end = start;
    let left = 0;
    let right = 0;
    for (; end < index.length && confidence[end] === confidence[start]; end++) {
      left += weightOf(end);
      right += weightOf(end) * correct[end]!;
    }
    const share = left === 0 ? 0 : right / left;
    while (left > slack) {
      const taken = Math.min(left, size - binWeight);
      binWeight += taken;
      binConfidence += taken * confidence[start]!;
      binCorrect += taken * share;
      left -= taken;
      if (binWeight >= size - slack) close();
    }
    start = end;
  }
  if (binWeight > slack * bins) close();
}

/** @throws RangeOfParameterError unless bins is a positive integer */
export function reliabilityBins(sorted: Confidences, bins: number): ReliabilityBin[] {
  if (!Number.isInteger(bins) || bins < 1) throw new RangeOfParameterError("bins", "an integer >= 1", String(bins));
  const result: ReliabilityBin[] = [];
  forEachBin(sorted, bins, undefined, (count, confidence, accuracy) => result.push({ count, confidence, accuracy }));
  return result;
}

/**
 * Expected calibration error of the predicted class over bins of equal mass: Σ_b w_b |accuracy_b - confidence_b|.
 * Naeini et al., AAAI 2015, with the equal-mass bins of Nguyen & O'Connor, EMNLP 2015. Biased upwards in small samples.
 * @returns 0..1
 */
export function expectedCalibrationError(sorted: Confidences, bins: number, weights?: Float64Array): number {
  let sum = 0;
  let total = 0;
  forEachBin(sorted, bins, weights, (weight, confidence, correct) => {
    sum += weight * Math.abs(correct - confidence);
    total += weight;
  });
  return sum / total;
}
