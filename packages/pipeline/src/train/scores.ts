/** Validation scores of a stage. */
import { balancedAccuracy, confusionMatrix, argmax, macroF1 } from "../evaluate/metrics/confusion.js";
import type { Validation } from "./loop.js";

/** @param probabilities volumes x classes */
export function validationScores(
  labels: readonly number[],
  probabilities: readonly number[][],
  classes: number,
): Validation {
  const confusion = confusionMatrix(
    labels,
    probabilities.map((row) => argmax(row)),
    classes,
  );
  const loss = labels.reduce((sum, label, k) => sum - Math.log(Math.max(probabilities[k]?.[label] ?? 0, 1e-12)), 0);
  return {
    loss: loss / Math.max(1, labels.length),
    balancedAccuracy: balancedAccuracy(confusion),
    macroF1: macroF1(confusion),
  };
}
