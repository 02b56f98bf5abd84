/** Validation scores of a stage, and the choice of its best epoch. */
import {
  accuracy,
  argmax,
  auroc,
  balancedAccuracy,
  confusionMatrix,
  macroF1,
  quadraticKappa,
  rank,
} from "@slicestack/stats";
import type { OptimisationConfig } from "../config/types.js";
import { selectionName } from "../run/selection.js";
import type { Validation } from "./stage.js";

/** @param probabilities volumes x classes */
export function validationScores(
  labels: readonly number[],
  probabilities: readonly (readonly number[])[],
  classes: number,
): Validation {
  const confusion = confusionMatrix(labels, probabilities.map(argmax), classes);
  const loss = labels.reduce((sum, label, k) => sum - Math.log(Math.max(probabilities[k]?.[label] ?? 0, 1e-12)), 0);
  return {
    loss: loss / Math.max(1, labels.length),
    accuracy: accuracy(confusion),
    balancedAccuracy: balancedAccuracy(confusion),
    macroF1: macroF1(confusion),
    auroc: meanAuroc(labels, probabilities, classes),
    quadraticKappa: quadraticKappa(confusion),
  };
}

/** Of class 1 for two classes, else the mean of the classes that are there against the rest. */
function meanAuroc(labels: readonly number[], probabilities: readonly (readonly number[])[], classes: number): number {
  const asked = classes === 2 ? [1] : Array.from({ length: classes }, (_, c) => c);
  const values = asked
    .map((c) =>
      auroc(
        rank(
          probabilities.map((row) => row[c] ?? 0),
          labels.map((label) => label === c),
        ),
      ),
    ) // prettier-ignore
    .filter(Number.isFinite);
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** The selection metric itself: a loss as a loss, NaN where it is undefined. */
export function metricOf(validation: Validation, select: OptimisationConfig["select"]): number {
  return {
    macro_f1: validation.macroF1,
    balanced_accuracy: validation.balancedAccuracy,
    auroc: validation.auroc,
    quadratic_kappa: validation.quadraticKappa,
    loss: validation.loss,
  }[select];
}

/** Higher is better. Where the chosen score is undefined, the loss decides. */
export function scoreOf(validation: Validation, select: OptimisationConfig["select"]): number {
  const score = metricOf(validation, select);
  return select !== "loss" && Number.isFinite(score) ? score : -validation.loss;
}

/** The selection metric as people call it. */
export const selectionWords = (select: OptimisationConfig["select"]): string =>
  select === "loss" ? "val loss" : selectionName(select);

/** A score as it is shown: a loss is kept negative, so that higher is better, and shown as a loss. */
export const shownScore = (score: number, select: OptimisationConfig["select"]): number =>
  select === "loss" ? -score : score;

/** Of equal scores the lower loss. */
export function isBetter(
  validation: Validation,
  best: { score: number; loss: number } | null,
  select: OptimisationConfig["select"],
): boolean {
  if (best === null) return true;
  const score = scoreOf(validation, select);
  return score > best.score || (score === best.score && validation.loss < best.loss);
}
