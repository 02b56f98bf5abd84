/**
 * Focal loss: l_bk = -α_k (1 - p_bk)^γ log p_bk, which gives little weight to samples that are already classified well.
 * Lin, Goyal, Girshick, He, Dollár: Focal Loss for Dense Object Detection, ICCV 2017, eq. 4-5; here over a softmax, with the mean
 * over samples. α is a plain factor, whereas class weights are normalised as in a weighted mean. γ = 0 is cross entropy.
 */
import { eye, fromTypedArray, scope, type Tensor } from "@slicestack/torch";
import { ConfigError } from "../../config/errors.js";
import { key } from "../../config/notes.js";
import { softmaxOutputs } from "../outputs.js";
import type { Criterion } from "./criterion.js";
import { massTotal, meanByMass } from "./targets.js";
import { defineLoss } from "../component.js";
import { z } from "zod";

export interface FocalOptions {
  gamma: number;
  /** One value per class. Lin's α for the rarer of two classes is [1 - α, α]. */
  alpha: readonly number[] | null;
  smoothing: number;
}

export class Focal implements Criterion {
  readonly outputs = softmaxOutputs.outputs;
  readonly probabilities = softmaxOutputs.probabilities;
  readonly #options: FocalOptions;

  constructor(options: FocalOptions) {
    this.#options = options;
  }

  mass(target: Tensor, weight_K: Tensor | null, classes: number): number {
    return massTotal(target, classes, weight_K);
  }

  loss(logits_BK: Tensor, target: Tensor, weight_K: Tensor | null): Tensor {
    const { gamma, alpha, smoothing } = this.#options;
    const { dtype, device } = logits_BK;
    return scope(() => {
      const focused_BK = logOfRest(logits_BK).mul(gamma).exp().mul(logits_BK.logSoftmax(1).neg());
      const loss_BK =
        alpha === null
          ? focused_BK
          : focused_BK.mul(fromTypedArray(Float64Array.from(alpha), [alpha.length], { dtype, device }));
      return meanByMass(loss_BK, target, { weight_K, smoothing });
    });
  }
}

/**
 * log(1 - p) of each class, computed from the other classes: if p rounds to 1, 1 - p would be 0, and the gradient of its
 * power would be infinite for γ < 1.
 */
function logOfRest(logits_BK: Tensor): Tensor {
  const [, classes = 1] = logits_BK.shape;
  const diagonal_KK = eye(classes, { device: logits_BK.device }).eq(1);
  const others_BKK = logits_BK.unsqueeze(1).expand(-1, classes, -1).maskedFill(diagonal_KK, -Infinity);
  return others_BKK.logsumexp(2).sub(logits_BK.logsumexp(1, true));
}

export const focal = defineLoss({
  name: "focal",
  source: "Lin et al., ICCV 2017",
  architecture: "-α (1 - p)^γ log p of the true class",
  hint: "gives little weight to samples that are already classified well",
  options: z.strictObject({
    gamma: key(
      z.number().min(0).default(2),
      "a number, at least 0",
      "How strongly samples that are already classified well are down-weighted; 0 = cross entropy",
    ),
    alpha: key(
      z.array(z.number().positive()).min(2).nullable().default(null),
      "a list of numbers above 0, one for each task class, or null",
      "Factor of each class; null = 1 for all",
    ),
  }),
  isProper: false,
  create: ({ smoothing, classes, section }, { gamma, alpha }) => {
    if (alpha === null || alpha.length === classes) return new Focal({ gamma, alpha, smoothing });
    const option = `${section}.loss.focal.alpha`;
    const message = `${option}: expected ${classes} values, one for each class of the task, received ${alpha.length}`;
    throw new ConfigError([{ key: option, message }]);
  },
});
