/**
 * Calibration in bins of equal mass: does an event happen as often as its probability says? A forecast is a probability
 * together with its outcome. The usual event is "the predicted class is the true one"; "the true class is c" is
 * another.
 */
import { RangeOfParameterError, ShapeError } from "../errors.js";
import { argmax } from "../metrics/confusion.js";

/**
 * Forecasts in ascending order, with the row of each and its outcome: 1 where the event happened, 0 where it did not.
 */
export interface Forecasts {
  readonly index: Int32Array;
  readonly confidence: Float64Array;
  readonly correct: Uint8Array;
}

/**
 * @param happened whether each forecast's event happened   @throws ShapeError where lengths differ,
 *   RangeOfParameterError for NaN
 */
export function sortForecasts(forecasts: readonly number[], happened: readonly boolean[]): Forecasts {
  if (forecasts.length !== happened.length)
    throw new ShapeError("sortForecasts: happened", `${forecasts.length} values`, String(happened.length));
  const bad = forecasts.findIndex((p) => !Number.isFinite(p));
  if (bad >= 0)
    throw new RangeOfParameterError(`sortForecasts: forecasts[${bad}]`, "a number", String(forecasts[bad]));
  const index = Int32Array.from(forecasts.keys()).sort((a, b) => forecasts[a]! - forecasts[b]! || a - b);
  return {
    index,
    confidence: Float64Array.from(index, (i) => forecasts[i]!),
    correct: Uint8Array.from(index, (i) => (happened[i] ? 1 : 0)),
  };
}

/** The confidence in the predicted class, and whether that class was correct. */
export function sortConfidences(
  labels: readonly number[],
  probabilities: readonly (readonly number[])[],
): Forecasts {
  const predicted = probabilities.map(argmax);
  return sortForecasts(
    probabilities.map((row, i) => row[predicted[i]!]!),
    labels.map((label, i) => label === predicted[i]),
  );
}

/** The probability of each class in turn, and whether it was the true class. */
export function sortByClass(
  labels: readonly number[],
  probabilities: readonly (readonly number[])[],
): Forecasts[] {
  return Array.from({ length: probabilities[0]?.length ?? 0 }, (_, c) =>
    sortForecasts(
      probabilities.map((row) => row[c]!),
      labels.map((label) => label === c),
    ),
  );
}

/** The number of bins for n volumes: 10, or fewer so that each holds at least 5. */
export function defaultBins(n: number): number {
  return Math.max(1, Math.min(10, Math.floor(n / 5)));
}

/** @throws RangeOfParameterError unless bins is a positive integer */
export function checkBins(bins: number): void {
  if (!Number.isInteger(bins) || bins < 1)
    throw new RangeOfParameterError("bins", "an integer >= 1", String(bins));
}

/** One bin of a reliability curve. */
export interface ReliabilityBin {
  /** total weight of its volumes; not a whole number where a bin's border falls within a group of equal confidences */
  count: number;
  /** mean confidence in the predicted class */
  confidence: number;
  /** share of volumes predicted correctly */
  accuracy: number;
}

/** Sums over the forecasts p and outcomes y of a bin, each times its weight. */
export interface BinSums {
  weight: number;
  p: number;
  y: number;
  pp: number;
  py: number;
}

/**
 * Cuts the sorted forecasts into bins of equal weight. Equal forecasts are shared evenly between the bins they
 * straddle, so that the result does not depend on the order of rows.
 * @param visit is called with each bin in turn; the same object is reused for the next bin
 */
export function forEachBin(
  sorted: Forecasts,
  bins: number,
  weights: Float64Array | undefined,
  visit: (sums: Readonly<BinSums>) => void,
): void {
  const { index, confidence, correct } = sorted;
  const weightOf = (k: number) => (weights === undefined ? 1 : weights[index[k]!]!);
  let total = 0;
  for (let k = 0; k < index.length; k++) total += weightOf(k);
  const size = total / bins;
  const slack = size * 1e-9;
  const sums: BinSums = { weight: 0, p: 0, y: 0, pp: 0, py: 0 };
  const close = () => {
    visit(sums);
    sums.weight = sums.p = sums.y = sums.pp = sums.py = 0;
  };
  for (let start = 0; start < index.length;) {
    let end = start;
    let left = 0;
    let right = 0;
    for (; end < index.length && confidence[end] === confidence[start]; end++) {
      left += weightOf(end);
      right += weightOf(end) * correct[end]!;
    }
    const p = confidence[start]!;
    const share = left === 0 ? 0 : right / left;
    while (left > slack) {
      const taken = Math.min(left, size - sums.weight);
      sums.weight += taken;
      sums.p += taken * p;
      sums.y += taken * share;
      sums.pp += taken * p * p;
      sums.py += taken * p * share;
      left -= taken;
      if (sums.weight >= size - slack) close();
    }
    start = end;
  }
  if (sums.weight > slack * bins) close();
}

/** @throws RangeOfParameterError unless bins is a positive integer */
export function reliabilityBins(sorted: Forecasts, bins: number): ReliabilityBin[] {
  checkBins(bins);
  const result: ReliabilityBin[] = [];
  forEachBin(sorted, bins, undefined, ({ weight, p, y }) =>
    result.push({ count: weight, confidence: p / weight, accuracy: y / weight }),
  );
  return result;
}

/**
 * Expected calibration error over bins of equal mass: Σ_b w_b |accuracy_b - confidence_b|; that of the predicted class
 * where the forecasts are confidences. Naeini et al., AAAI 2015, with the equal-mass bins of Nguyen & O'Connor, EMNLP
 * 2015. It is biased upwards in small samples and depends on the number of bins: report the number of bins with it.
 * @returns 0..1
 */
export function expectedCalibrationError(sorted: Forecasts, bins: number, weights?: Float64Array): number {
  let sum = 0;
  let total = 0;
  forEachBin(sorted, bins, weights, ({ weight, p, y }) => {
    sum += Math.abs(y - p);
    total += weight;
  });
  return sum / total;
}

/**
 * Classwise calibration error: the mean over classes of the binned error of the class's probability, so that a rarely
 * predicted class counts too. Kull et al., NeurIPS 2019, with bins of equal mass.
 * @param classes forecasts of each class (sortByClass)   @returns 0..1
 */
export function classwiseCalibrationError(
  classes: readonly Forecasts[],
  bins: number,
  weights?: Float64Array,
): number {
  let sum = 0;
  for (const sorted of classes) sum += expectedCalibrationError(sorted, bins, weights);
  return sum / classes.length;
}
