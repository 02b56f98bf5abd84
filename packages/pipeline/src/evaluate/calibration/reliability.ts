/** Calibration of the predicted class: is a model right as often as it says? */
import { RangeOfParameterError } from "../errors.js";
import { argmax } from "../metrics/confusion.js";

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
