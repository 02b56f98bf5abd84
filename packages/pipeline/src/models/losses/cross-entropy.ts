/** Cross entropy: l_bk = -log softmax(z_b)_k. Class weights, label smoothing and soft targets as in targets.ts. */
import { functional as F, scope, type Tensor } from "@slicestack/torch";
import { softmaxOutputs } from "../outputs.js";
import type { Criterion } from "./criterion.js";
import { massTotal, meanByMass } from "./targets.js";
import { defineLoss } from "../component.js";

export class CrossEntropy implements Criterion {
  readonly outputs = softmaxOutputs.outputs;
  readonly probabilities = softmaxOutputs.probabilities;
  readonly #smoothing: number;

  constructor({ smoothing }: { smoothing: number }) {
    this.#smoothing = smoothing;
  }

  mass(target: Tensor, weight_K: Tensor | null, classes: number): number {
    return massTotal(target, classes, weight_K);
  }

  loss(logits_BK: Tensor, target: Tensor, weight_K: Tensor | null): Tensor {
    const smoothing = this.#smoothing;
    // libtorch has one kernel for it, but for mass it divides by the number of samples, not by their mass.
    if (target.dim === 1)
      return F.crossEntropy(logits_BK, target, { weight: weight_K, labelSmoothing: smoothing });
    return scope(() => meanByMass(logits_BK.logSoftmax(1).neg(), target, { weight_K, smoothing }));
  }
}

export const crossEntropy = defineLoss({
  name: "cross_entropy",
  source: "Good, Journal of the Royal Statistical Society B 14, 1952",
  architecture: "-log p of the true class",
  create: ({ smoothing }) => new CrossEntropy({ smoothing }),
});
