/** Class weights of a loss, so that rare classes are not ignored. */
import { fromTypedArray, type Tensor } from "@slicestack/torch";
import type { LossConfig } from "../../config/types.js";

/** null if the loss is not weighted. */
export function configuredWeights(
  {
    weightedLoss,
    classWeights,
    effectiveBeta,
  }: Pick<LossConfig, "weightedLoss" | "classWeights" | "effectiveBeta">,
  labels: readonly number[],
  classes: number,
): number[] | null {
  if (!weightedLoss) return null;
  return classWeights === "effective"
    ? effectiveWeights(labels, classes, effectiveBeta)
    : inverseWeights(labels, classes);
}

/** n / (K · n_k); 1 where a class is absent. */
export function inverseWeights(labels: readonly number[], classes: number): number[] {
  return countsOf(labels, classes).map((count) => (count === 0 ? 1 : labels.length / (classes * count)));
}

/**
 * In proportion to 1 / E_k, E_k = (1 - β^n_k) / (1 - β): samples of a class overlap, so that each adds less than the one before.
 * Cui, Jia, Lin, Song, Belongie: Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019.
 * β = 0 weights all equally, β → 1 by inverse frequency. The weights of present classes average 1; an absent class has weight 1.
 * @param beta at least 0, below 1
 */
export function effectiveWeights(labels: readonly number[], classes: number, beta: number): number[] {
  const raw = countsOf(labels, classes).map((count) =>
    count === 0 ? null : (1 - beta) / (1 - beta ** count),
  );
  const present = raw.filter((weight) => weight !== null);
  const mean = present.reduce((sum, weight) => sum + weight, 0) / present.length;
  return raw.map((weight) => (weight === null ? 1 : weight / mean));
}

/** The share of each class; equal ones if there are no labels. */
export function sharesOf(labels: readonly number[], classes: number): number[] {
  return countsOf(labels, classes).map((count) =>
    labels.length === 0 ? 1 / classes : count / labels.length,
  );
}

function countsOf(labels: readonly number[], classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}

export function weightTensor(weights: readonly number[] | null, { device }: Tensor): Tensor | null {
  return weights === null ? null : fromTypedArray(Float32Array.from(weights), [weights.length], { device });
}
