/**
 * The number of outputs of a last layer for K classes, and how they are turned into class probabilities.
 * B samples, O outputs, K classes, T = K - 1 binary tasks of ordered classes.
 */
import { functional as F, onesLike, scope, zerosLike, type Tensor } from "@slicestack/torch";

export interface ClassOutputs {
  /** Width of the last layer. */
  readonly outputs: (classes: number) => number;
  /** logits_BO → probability_BK; rows sum to 1. */
  readonly probabilities: (logits_BO: Tensor) => Tensor;
  /** The same as logarithms, exact where a probability is nearly 0 or 1. */
  readonly logProbabilities: (logits_BO: Tensor) => Tensor;
}

export const softmaxOutputs: ClassOutputs = {
  outputs: (classes) => classes,
  probabilities: (logits_BK) => logits_BK.softmax(1),
  logProbabilities: (logits_BK) => logits_BK.logSoftmax(1),
};

/**
 * Ordered classes by conditional probabilities: output t is the logit of P(class > t | class >= t).
 * Shi, Cao, Raschka: Deep neural networks for rank-consistent ordinal regression based on conditional probabilities (CORN),
 * Pattern Analysis and Applications 26, 2023. P(class > t) is a product, so it can only fall with t.
 */
export const ordinalOutputs: ClassOutputs = {
  outputs: (classes) => classes - 1,
  probabilities: (logits_BT) => scope(() => ordinalSurprise(logits_BT).neg().exp()),
  logProbabilities: (logits_BT) => scope(() => ordinalSurprise(logits_BT).neg()),
};

/** -log of the class probabilities, B x K: the tasks passed before a class, and the one that ends at it. */
export function ordinalSurprise(logits_BT: Tensor): Tensor {
  return scope(() => {
    const surprise = (answer: Tensor) =>
      F.binaryCrossEntropyWithLogits(logits_BT, answer, { reduction: "none" });
    const passed_BK = surprise(onesLike(logits_BT)).cumsum(1).pad([1, 0]);
    const ended_BK = surprise(zerosLike(logits_BT)).pad([0, 1]); // the last class ends nothing
    return passed_BK.add(ended_BK);
  });
}
