/**
 * Metrics of a confusion matrix. Everything here is pure and takes weighted counts, so that the bootstrap can pass
 * the number of times each subject was drawn.
 */
import { ShapeError } from "../errors.js";
import { checkLabels } from "./check.js";

/** Rows are true classes, columns predicted classes, row-major: counts[true * classes + predicted]. */
export interface Confusion {
  readonly classes: number;
  readonly counts: Float64Array;
}

/** A class or group with fewer subjects than this is marked, because its numbers are unreliable. */
export const SMALL_SUPPORT = 10;

/** Index of the largest value; the lowest index where several are equal, as in numpy. */
export function argmax(row: readonly number[]): number {
  let best = 0;
  for (let c = 1; c < row.length; c++) if (row[c]! > row[best]!) best = c;
  return best;
}

/**
 * Counts of (true, predicted).
 * @param labels true class of each volume, 0..C-1   @param predictions predicted class, same length
 * @throws ShapeError where lengths differ, LabelError outside 0..C-1
 */
export function confusionMatrix(
  labels: readonly number[],
  predictions: readonly number[],
  classes: number,
): Confusion {
  if (labels.length !== predictions.length)
    throw new ShapeError(
      "predictions",
      `${labels.length} values, as many as labels`,
      `${predictions.length}`,
    );
  checkLabels(labels, classes);
  checkLabels(predictions, classes);
  const confusion = { classes, counts: new Float64Array(classes * classes) };
  labels.forEach((label, i) => (confusion.counts[label * classes + predictions[i]!]! += 1));
  return confusion;
}

/** The matrix as rows of counts. */
export function confusionRows({ classes, counts }: Confusion): number[][] {
  return Array.from({ length: classes }, (_, i) =>
    Array.from(counts.subarray(i * classes, (i + 1) * classes)),
  );
}

/**
 * Each row divided by its sum: the share of a true class that went to each predicted class. NaN rows for absent
 * classes.
 */
export function normaliseRows(rows: readonly (readonly number[])[]): number[][] {
  return rows.map((row) => {
    const sum = row.reduce((a, b) => a + b, 0);
    return row.map((count) => count / sum);
  });
}

function rowSum({ classes, counts }: Confusion, row: number): number {
  let sum = 0;
  for (let j = 0; j < classes; j++) sum += counts[row * classes + j]!;
  return sum;
}

function columnSum({ classes, counts }: Confusion, column: number): number {
  let sum = 0;
  for (let i = 0; i < classes; i++) sum += counts[i * classes + column]!;
  return sum;
}

function total({ counts }: Confusion): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += counts[i]!;
  return sum;
}

function correct({ classes, counts }: Confusion): number {
  let sum = 0;
  for (let c = 0; c < classes; c++) sum += counts[c * classes + c]!;
  return sum;
}

/** Share of volumes classified correctly: "unweighted" accuracy in Garg et al. 2025. NaN for an empty matrix. */
export function accuracy(confusion: Confusion): number {
  return correct(confusion) / total(confusion);
}

/** TP / (TP + FN) of one class, also called sensitivity; NaN where the class is absent from the labels. */
export function recall(confusion: Confusion, c: number): number {
  return confusion.counts[c * confusion.classes + c]! / rowSum(confusion, c);
}

/** TP / (TP + FP) of one class, also called positive predictive value; NaN where the class is never predicted. */
export function precision(confusion: Confusion, c: number): number {
  return confusion.counts[c * confusion.classes + c]! / columnSum(confusion, c);
}

/** TN / (TN + FP) of one class against the rest; NaN where every volume is of that class. */
export function classSpecificity(confusion: Confusion, c: number): number {
  const others = total(confusion) - rowSum(confusion, c);
  const falsePositives = columnSum(confusion, c) - confusion.counts[c * confusion.classes + c]!;
  return (others - falsePositives) / others;
}

/** TN / (TN + FN) of one class against the rest; NaN where every volume is predicted to be of that class. */
export function classNpv(confusion: Confusion, c: number): number {
  const uncalled = total(confusion) - columnSum(confusion, c);
  const misses = rowSum(confusion, c) - confusion.counts[c * confusion.classes + c]!;
  return (uncalled - misses) / uncalled;
}

/**
 * 2 TP / (2 TP + FP + FN), van Rijsbergen 1979; 0 where a present class is never predicted; NaN where it occurs in
 * neither.
 */
export function f1(confusion: Confusion, c: number): number {
  const hits = 2 * confusion.counts[c * confusion.classes + c]!;
  return hits / (rowSum(confusion, c) + columnSum(confusion, c));
}

/**
 * Mean recall over the classes present in the labels: "weighted" accuracy in Garg et al. 2025.
 * Brodersen et al., The balanced accuracy and its posterior distribution, ICPR 2010. NaN for an empty matrix.
 */
export function balancedAccuracy(confusion: Confusion): number {
  return meanOverClasses(confusion, recall);
}

/** Mean F1 over the classes that occur in labels or predictions (scikit-learn's default). NaN for an empty matrix. */
export function macroF1(confusion: Confusion): number {
  return meanOverClasses(confusion, f1);
}

function meanOverClasses(confusion: Confusion, metric: (confusion: Confusion, c: number) => number): number {
  let sum = 0;
  let present = 0;
  for (let c = 0; c < confusion.classes; c++) {
    const value = metric(confusion, c);
    if (Number.isNaN(value)) continue;
    sum += value;
    present++;
  }
  return sum / present;
}

/**
 * Matthews correlation coefficient, for C classes the R_K of Gorodkin, Computational Biology and Chemistry 28 (2004).
 * @returns -1..1; 0 where labels or predictions are all one class (the usual convention); NaN for an empty matrix
 */
export function matthews(confusion: Confusion): number {
  const n = total(confusion);
  let crossed = 0;
  let predictedSquares = 0;
  let trueSquares = 0;
  for (let c = 0; c < confusion.classes; c++) {
    const trueCount = rowSum(confusion, c);
    const predictedCount = columnSum(confusion, c);
    crossed += trueCount * predictedCount;
    predictedSquares += predictedCount * predictedCount;
    trueSquares += trueCount * trueCount;
  }
  const spread = (n * n - predictedSquares) * (n * n - trueSquares);
  if (n === 0) return Number.NaN;
  return spread === 0 ? 0 : (correct(confusion) * n - crossed) / Math.sqrt(spread);
}

/**
 * Cohen's kappa: 1 - disagreement observed / disagreement expected. Cohen, Educ. Psychol. Meas. 20 (1960).
 * @returns -1..1; NaN where all labels and all predictions are one class
 */
export function cohenKappa(confusion: Confusion): number {
  return weightedKappa(confusion, (i, j) => (i === j ? 0 : 1));
}

/**
 * Quadratic-weighted Cohen's kappa: 1 - Σ wO / Σ wE, w = (i - j)² / (C - 1)². Cohen, Psychological Bulletin 70 (1968).
 * @returns -1..1; NaN where all labels and all predictions are one class
 */
export function quadraticKappa(confusion: Confusion): number {
  const scale = (confusion.classes - 1) ** 2;
  return weightedKappa(confusion, (i, j) => (i - j) ** 2 / scale);
}

function weightedKappa(confusion: Confusion, weight: (i: number, j: number) => number): number {
  const { classes, counts } = confusion;
  const n = total(confusion);
  let observed = 0;
  let expected = 0;
  for (let j = 0; j < classes; j++) {
    const column = columnSum(confusion, j);
    for (let i = 0; i < classes; i++) {
      const w = weight(i, j);
      if (w === 0) continue;
      observed += w * counts[i * classes + j]!;
      expected += (w * rowSum(confusion, i) * column) / n;
    }
  }
  return expected === 0 ? Number.NaN : 1 - observed / expected;
}

/** Mean of |true - predicted| in grades, for ordered classes; 0..C-1. */
export function meanAbsoluteError(confusion: Confusion): number {
  return meanOverCells(confusion, (distance) => distance);
}

/** Share of volumes whose predicted grade is at most one away from the true one, for ordered classes. */
export function offByOneAccuracy(confusion: Confusion): number {
  return meanOverCells(confusion, (distance) => (distance <= 1 ? 1 : 0));
}

function meanOverCells(confusion: Confusion, value: (distance: number) => number): number {
  const { classes, counts } = confusion;
  let sum = 0;
  for (let i = 0; i < classes; i++)
    for (let j = 0; j < classes; j++) sum += counts[i * classes + j]! * value(Math.abs(i - j));
  return sum / total(confusion);
}

/** Four rates of a 2 x 2 matrix, where class 1 is positive; NaN where a rate's denominator is 0. */
export interface BinaryRates {
  /** TP / (TP + FN) */
  sensitivity: number;
  /** TN / (TN + FP) */
  specificity: number;
  /** TP / (TP + FP); depends on the prevalence of the sample */
  ppv: number;
  /** TN / (TN + FN); depends on the prevalence of the sample */
  npv: number;
}

/** Altman & Bland, BMJ 308 (1994) 1552 and 309 (1994) 102. @throws ShapeError unless there are two classes */
export function binaryRates(confusion: Confusion): BinaryRates {
  if (confusion.classes !== 2) throw new ShapeError("binaryRates", "2 classes", String(confusion.classes));
  return {
    sensitivity: recall(confusion, 1),
    specificity: recall(confusion, 0),
    ppv: precision(confusion, 1),
    npv: precision(confusion, 0),
  };
}
