/**
 * Logistic regression with an L2 penalty for a handful of features, by damped Newton steps in float64.
 * N rows, F features, C classes.
 */
import { RangeOfParameterError, ShapeError } from "./errors.js";
import { checkLabels } from "./metrics/check.js";

/** A fitted model; features are standardised by the mean and scale of the rows it was fitted on. */
export interface LogisticModel {
  classes: number;
  mean_F: number[];
  /** standard deviation (divided by N); 1 for a constant feature, which then has no weight */
  scale_F: number[];
  /** C x F; rows of classes absent from the training rows are 0 */
  weight_CF: number[][];
  /** C; -Infinity for classes absent from the training rows, whose probability is 0 */
  intercept_C: number[];
  iterations: number;
}

export interface LogisticOptions {
  classes: number;
  /** inverse strength of the penalty, scikit-learn's C; default 1 */
  inversePenalty?: number;
}

const MAX_ITERATIONS = 100;
const GRADIENT_TOLERANCE = 1e-9;

/**
 * Minimises Σ_i -log p_i + |W|² / (2 inversePenalty), intercepts unpenalised: the objective of scikit-learn's
 * LogisticRegression (binomial for two classes, multinomial beyond). Bishop, Pattern Recognition and Machine
 * Learning (2006), sections 4.3.3 and 4.3.4.
 * @throws ShapeError, LabelError, RangeOfParameterError (features that are not finite)
 */
export function fitLogistic(
  features_NF: readonly (readonly number[])[],
  labels: readonly number[],
  { classes, inversePenalty = 1 }: LogisticOptions,
): LogisticModel {
  checkFeatures(features_NF, features_NF[0]?.length ?? 0);
  checkRows(features_NF.length, labels, classes);
  if (!(inversePenalty > 0))
    throw new RangeOfParameterError("inversePenalty", "a number > 0", String(inversePenalty));
  const { mean_F, scale_F } = standardisation(features_NF);
  const present = Array.from({ length: classes }, (_, c) => c).filter((c) => labels.includes(c));
  const problem: Problem = {
    x_NF: features_NF.map((row) => [...standardise(row, mean_F, scale_F), 1]),
    target_N: labels.map((label) => present.indexOf(label)),
    outputs: present.length === 2 ? 1 : present.length,
    penalty: 1 / inversePenalty,
  };
  const { theta, iterations } = present.length === 1 ? { theta: [[0]], iterations: 0 } : newton(problem);
  return { classes, mean_F, scale_F, iterations, ...coefficients(theta, present, classes, mean_F.length) };
}

/** Probabilities of each class, N x C. @throws ShapeError or RangeOfParameterError for features that do not fit the model */
export function predictLogistic(
  model: LogisticModel,
  features_NF: readonly (readonly number[])[],
): number[][] {
  checkFeatures(features_NF, model.mean_F.length);
  return features_NF.map((row) => {
    const x_F = standardise(row, model.mean_F, model.scale_F);
    return softmax(model.weight_CF.map((w_F, c) => dot(w_F, x_F) + model.intercept_C[c]!));
  });
}

function checkFeatures(features_NF: readonly (readonly number[])[], width: number): void {
  features_NF.forEach((row, i) => {
    if (row.length !== width)
      throw new ShapeError(`features, row ${i}`, `${width} values`, String(row.length));
    const bad = row.find((value) => !Number.isFinite(value));
    if (bad !== undefined)
      throw new RangeOfParameterError(`features, row ${i}`, "finite numbers", String(bad));
  });
}

function checkRows(rows: number, labels: readonly number[], classes: number): void {
  if (rows === 0) throw new ShapeError("features", "at least one row", "none");
  if (labels.length !== rows) throw new ShapeError("labels", `${rows} values`, String(labels.length));
  checkLabels(labels, classes);
}

function standardisation(features_NF: readonly (readonly number[])[]): {
  mean_F: number[];
  scale_F: number[];
} {
  const n = features_NF.length;
  const mean_F = features_NF[0]!.map((_, f) => features_NF.reduce((sum, row) => sum + row[f]!, 0) / n);
  const scale_F = mean_F.map((mean, f) => {
    const deviation = Math.sqrt(features_NF.reduce((sum, row) => sum + (row[f]! - mean) ** 2, 0) / n);
    return deviation > 1e-12 * Math.max(1, Math.abs(mean)) ? deviation : 1;
  });
  return { mean_F, scale_F };
}

function standardise(
  row: readonly number[],
  mean_F: readonly number[],
  scale_F: readonly number[],
): number[] {
  return row.map((value, f) => (value - mean_F[f]!) / scale_F[f]!);
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function softmax(logits: readonly number[]): number[] {
  const top = Math.max(...logits);
  const exps = logits.map((logit) => Math.exp(logit - top));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((value) => value / sum);
}

/** K outputs: one for the binomial form (class 0 is the reference), else one a class. The last column of x is 1. */
interface Problem {
  x_NF: number[][];
  target_N: number[];
  outputs: number;
  penalty: number;
}

/** Logits of the classes for a row; in the binomial form that of the reference class is 0. */
function classLogits(theta_KF: readonly number[][], x_F: readonly number[]): number[] {
  const logits = theta_KF.map((row) => dot(row, x_F));
  return theta_KF.length === 1 ? [0, ...logits] : logits;
}

function objective({ x_NF, target_N, penalty }: Problem, theta_KF: readonly number[][]): number {
  let sum = 0;
  x_NF.forEach((x_F, i) => {
    const logits = classLogits(theta_KF, x_F);
    const top = Math.max(...logits);
    const logSum = top + Math.log(logits.reduce((total, logit) => total + Math.exp(logit - top), 0));
    sum += logSum - logits[target_N[i]!]!;
  });
  for (const row of theta_KF) for (let f = 0; f < row.length - 1; f++) sum += (penalty * row[f]! ** 2) / 2;
  return sum;
}

function newton(problem: Problem): { theta: number[][]; iterations: number } {
  const width = problem.x_NF[0]!.length;
  let theta = Array.from({ length: problem.outputs }, () => new Array<number>(width).fill(0));
  let value = objective(problem, theta);
  for (let iteration = 1; iteration <= MAX_ITERATIONS; iteration++) {
    const { gradient, hessian } = derivatives(problem, theta);
    const step = solveCholesky(hessian, gradient);
    let moved = false;
    for (let length = 1; length > 1e-6 && !moved; length /= 2) {
      const next = theta.map((row, k) => row.map((t, f) => t - length * step[k * width + f]!));
      const nextValue = objective(problem, next);
      moved = nextValue < value;
      if (moved) [theta, value] = [next, nextValue];
    }
    if (!moved || Math.max(...gradient.map(Math.abs)) < GRADIENT_TOLERANCE)
      return { theta, iterations: iteration };
  }
  return { theta, iterations: MAX_ITERATIONS };
}

function derivatives(
  problem: Problem,
  theta_KF: readonly number[][],
): { gradient: number[]; hessian: number[][] } {
  const { x_NF, target_N, outputs, penalty } = problem;
  const width = x_NF[0]!.length;
  const size = outputs * width;
  const gradient = new Array<number>(size).fill(0);
  const hessian = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  const first = outputs === 1 ? 1 : 0;
  x_NF.forEach((x_F, i) => {
    const p_C = softmax(classLogits(theta_KF, x_F));
    for (let k = 0; k < outputs; k++) {
      const p = p_C[k + first]!;
      const residual = p - (target_N[i] === k + first ? 1 : 0);
      for (let f = 0; f < width; f++) gradient[k * width + f]! += residual * x_F[f]!;
      for (let l = 0; l < outputs; l++) {
        const curvature = p * ((k === l ? 1 : 0) - p_C[l + first]!);
        for (let f = 0; f < width; f++)
          for (let g = 0; g < width; g++)
            hessian[k * width + f]![l * width + g]! += curvature * x_F[f]! * x_F[g]!;
      }
    }
  });
  addPenalty(theta_KF, penalty, gradient, hessian);
  return { gradient, hessian };
}

function addPenalty(
  theta_KF: readonly number[][],
  penalty: number,
  gradient: number[],
  hessian: number[][],
): void {
  const width = theta_KF[0]!.length;
  theta_KF.forEach((row, k) => {
    for (let f = 0; f < width - 1; f++) {
      gradient[k * width + f]! += penalty * row[f]!;
      hessian[k * width + f]![k * width + f]! += penalty;
    }
    // Adding one number to all intercepts changes nothing; this holds their sum, so that the matrix can be inverted.
    for (let l = 0; l < theta_KF.length && theta_KF.length > 1; l++)
      hessian[(k + 1) * width - 1]![(l + 1) * width - 1]! += 1;
    hessian[(k + 1) * width - 1]![(k + 1) * width - 1]! += 1e-12;
  });
}

/** Solves A x = b for a positive definite A. */
function solveCholesky(a: readonly (readonly number[])[], b: readonly number[]): number[] {
  const n = b.length;
  const lower = a.map((row) => [...row]);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i]![j]!;
      for (let k = 0; k < j; k++) sum -= lower[i]![k]! * lower[j]![k]!;
      lower[i]![j] = i === j ? Math.sqrt(Math.max(sum, Number.MIN_VALUE)) : sum / lower[j]![j]!;
    }
  }
  const x = [...b];
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i]! -= lower[i]![k]! * x[k]!;
    x[i]! /= lower[i]![i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i]! -= lower[k]![i]! * x[k]!;
    x[i]! /= lower[i]![i]!;
  }
  return x;
}

function coefficients(
  theta_KF: readonly number[][],
  present: readonly number[],
  classes: number,
  width: number,
): { weight_CF: number[][]; intercept_C: number[] } {
  const weight_CF = Array.from({ length: classes }, () => new Array<number>(width).fill(0));
  const intercept_C = new Array<number>(classes).fill(Number.NEGATIVE_INFINITY);
  if (theta_KF.length === 1) intercept_C[present[0]!] = 0;
  const first = present.length === 2 ? 1 : 0;
  theta_KF.forEach((row, k) => {
    const c = present[k + first]!;
    for (let f = 0; f < width && f < row.length - 1; f++) weight_CF[c]![f] = row[f]!;
    intercept_C[c] = row[row.length - 1]!;
  });
  return { weight_CF, intercept_C };
}
