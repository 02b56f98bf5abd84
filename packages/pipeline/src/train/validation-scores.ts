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
import { componentOf } from "../models/component.js";
import type { Validation } from "./stage.js";

/** @param probabilities volumes x classes */
export function validationScores(
  labels: readonly number[],
  probabilities: readonly (readonly number[])[],
  classes: number,
): Validation {
  const confusion = confusionMatrix(labels, probabilities.map(argmax), classes);
  const loss = labels.reduce(
    (sum, label, k) => sum - Math.log(Math.max(probabilities[k]?.[label] ?? 0, 1e-12)),
    0,
  );
  return {
    labels,
    probabilities,
    classes,
    loss: loss / Math.max(1, labels.length),
    accuracy: accuracy(confusion),
    balancedAccuracy: balancedAccuracy(confusion),
    macroF1: macroF1(confusion),
    auroc: meanAuroc(labels, probabilities, classes),
    quadraticKappa: quadraticKappa(confusion),
  };
}

/** The AUROC of class 1 for two classes, otherwise the mean over present classes against the rest. */
function meanAuroc(
  labels: readonly number[],
  probabilities: readonly (readonly number[])[],
  classes: number,
): number {
  const asked = classes === 2 ? [1] : Array.from({ length: classes }, (_, c) => c);
  const values = asked
    .map((c) =>
      auroc(
        rank(
          probabilities.map((row) => row[c] ?? 0),
          labels.map((label) => label === c),
        ),
      ),
    )
    .filter(Number.isFinite);
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** The scores of an epoch that are logged, and the score by which its stage selects. */
export type ScoredEpoch = Omit<Validation, "labels" | "probabilities" | "classes"> & {
  /** The value of the selection metric; NaN if it is undefined. */
  selected: number;
};

export function scoredEpoch(
  validation: Validation,
  { select }: Pick<OptimisationConfig, "select">,
): ScoredEpoch {
  const { labels: _, probabilities: __, classes: ___, ...scores } = validation;
  return { ...scores, selected: componentOf("metric", select.name).value(validation, select.options) };
}

const lowerIsBetter = (select: string): boolean => componentOf("metric", select).lowerIsBetter === true;

/** Higher is better. If the selection metric is undefined, the loss decides. */
export function scoreOf({ selected, loss }: Pick<ScoredEpoch, "selected" | "loss">, select: string): number {
  const score = lowerIsBetter(select) ? -selected : selected;
  return Number.isFinite(score) ? score : -loss;
}

/** The display name of the selection metric. */
export const selectionWords = (select: string): string => {
  const { label } = componentOf("metric", select);
  return lowerIsBetter(select) ? `val ${label}` : label;
};

/** A score for display: losses are stored negated, so that higher is better, and shown with their original sign. */
export const shownScore = (score: number, select: string): number => (lowerIsBetter(select) ? -score : score);

/** Whether an epoch is better; among equal scores, the lower loss wins. */
export function isBetter(
  validation: Pick<ScoredEpoch, "selected" | "loss">,
  best: { score: number; loss: number } | null,
  select: string,
): boolean {
  if (best === null) return true;
  const score = scoreOf(validation, select);
  return score > best.score || (score === best.score && validation.loss < best.loss);
}
