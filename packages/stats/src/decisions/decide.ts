/** From the probabilities of one volume to a decision, by what was fitted on the validation set. */
import { argmax } from "../metrics/confusion.js";
import { ConformalPredictor, type ConformalModel } from "./conformal.js";

/** The rule whose frozen threshold decides between two classes; none: the largest probability decides. */
export type OperatingPoint = "youden" | "sensitivity" | "specificity" | "none";

export interface VolumeDecision {
  class: string;
  rule: "largest probability" | Exclude<OperatingPoint, "none">;
  /** null if the rule is the largest probability. */
  threshold: number | null;
}

/**
 * @param probabilities uncalibrated, in the order of the classes   @param thresholds of the model; empty without an evaluation
 * @param point the rule that is asked for; default youden, or the largest probability where there is no such threshold
 */
export function decideVolume(
  classes: readonly string[],
  probabilities: readonly number[],
  thresholds: readonly { readonly rule: { readonly kind: string }; readonly threshold: number }[],
  point: OperatingPoint = "youden",
): VolumeDecision {
  const frozen = thresholds.find(({ rule }) => rule.kind === point);
  if (frozen === undefined || point === "none")
    return { class: classes[argmax(probabilities)]!, rule: "largest probability", threshold: null };
  const { threshold } = frozen;
  return { class: classes[probabilities[1]! >= threshold ? 1 : 0]!, rule: point, threshold };
}

/** The classes that cannot be ruled out, and the share of volumes whose set misses the true one. null if none was fitted. */
export function predictionSet(
  classes: readonly string[],
  probabilities: readonly number[],
  sets: ConformalModel | null,
): { classes: string[]; miss: number } | null {
  if (sets === null) return null;
  const [members] = ConformalPredictor.fromJSON(sets).apply([[...probabilities]]);
  return { classes: classes.filter((_, c) => members![c]), miss: sets.miss };
}
