/**
 * Logit adjustment: cross entropy of z_bk + τ log π_k, π_k the frequency of class k in training. The model then learns scores
 * in which frequent classes have no advantage, and prediction uses them unadjusted. Menon, Jayasumana, Rawat, Jain, Veit, Kumar:
 * Long-tail learning via logit adjustment, ICLR 2021, eq. 10. τ = 1 is the balanced softmax of Ren et al., NeurIPS 2020;
 * τ = 0 is cross entropy.
 */
import { fromTypedArray, scope, type Tensor } from "@slicestack/torch";
import { z } from "zod";
import { key } from "../../config/notes.js";
import { defineLoss } from "../component.js";
import { softmaxOutputs } from "../outputs.js";
import type { Criterion } from "./criterion.js";
import { CrossEntropy } from "./cross-entropy.js";

export class LogitAdjustment implements Criterion {
  readonly outputs = softmaxOutputs.outputs;
  readonly probabilities = softmaxOutputs.probabilities;
  readonly #crossEntropy: CrossEntropy;
  readonly #shift: Float64Array;

  /** @param shares of the classes in training; a class that is absent there counts as the rarest one */
  constructor({ tau, smoothing, shares }: { tau: number; smoothing: number; shares: readonly number[] }) {
    const least = Math.min(...shares.filter((share) => share > 0));
    this.#crossEntropy = new CrossEntropy({ smoothing });
    this.#shift = Float64Array.from(shares, (share) => tau * Math.log(Math.max(share, least)));
  }

  loss(logits_BK: Tensor, target: Tensor, weight_K: Tensor | null): Tensor {
    const { dtype, device } = logits_BK;
    return scope(() => {
      const shift_K = fromTypedArray(this.#shift, [this.#shift.length], { dtype, device });
      return this.#crossEntropy.loss(logits_BK.add(shift_K), target, weight_K);
    });
  }

  mass(target: Tensor, weight_K: Tensor | null, classes: number): number {
    return this.#crossEntropy.mass(target, weight_K, classes);
  }
}

export const logitAdjustment = defineLoss({
  name: "logit_adjustment",
  source: "Menon et al., ICLR 2021; Ren et al., NeurIPS 2020",
  architecture: "cross entropy of logits plus τ log frequency",
  hint: "for rare classes, in place of weighted_sampler and weighted_loss",
  options: z.strictObject({
    tau: key(
      z.number().min(0).default(1),
      "a number, at least 0",
      "How far frequent classes lose their advantage: 1 = entirely (balanced softmax), 0 = cross entropy",
    ),
  }),
  correctsFrequencies: true,
  priorPower: ({ tau }) => tau,
  create: ({ smoothing, shares }, { tau }) => new LogitAdjustment({ tau, smoothing, shares }),
});
