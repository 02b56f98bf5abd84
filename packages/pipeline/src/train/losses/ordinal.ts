/**
 * Ordered classes by CORN: K - 1 binary tasks, task t asked only of samples whose class is t or above.
 * Shi, Cao, Raschka: Deep neural networks for rank-consistent ordinal regression based on conditional probabilities,
 * Pattern Analysis and Applications 26, 2023: the sum over tasks of their binary cross entropies, divided by the
 * number of answers. The sum for a sample of class k is -log P(class = k), so soft targets and class weights act as ever.
 * CORN needs neither ordered thresholds (as a cumulative link does) nor shared weights (as CORAL does) to be consistent.
 */
import { fromTypedArray, scope, type Tensor } from "@slicestack/torch";
import { ordinalOutputs, ordinalSurprise } from "../../models/outputs.js";
import type { Criterion } from "./criterion.js";
import { meanByMass } from "./targets.js";

export class Ordinal implements Criterion {
  readonly outputs = ordinalOutputs.outputs;
  readonly probabilities = ordinalOutputs.probabilities;
  readonly #smoothing: number;

  constructor({ smoothing }: { smoothing: number }) {
    this.#smoothing = smoothing;
  }

  loss(logits_BT: Tensor, target: Tensor, weight_K: Tensor | null): Tensor {
    return scope(() => {
      const loss_BK = ordinalSurprise(logits_BT);
      const [, classes = 2] = loss_BK.shape;
      // Class k answers the tasks 0..k, and the last class no more than the one before it.
      const answers = Float64Array.from({ length: classes }, (_, k) => Math.min(k + 1, classes - 1));
      const terms_K = fromTypedArray(answers, [classes], { dtype: loss_BK.dtype, device: loss_BK.device });
      return meanByMass(loss_BK, target, { weight_K, smoothing: this.#smoothing, terms_K });
    });
  }
}
