/**
 * Label distribution for ordered classes: cross entropy with a normal distribution over the classes around the true one, so
 * that a grade beside it costs less than one far away. l_bk = -Σ_j q_kj log p_bj, q_kj ∝ exp(-(j - k)² / 2σ²).
 * Gao, Xing, Xie, Wu, Geng: Deep Label Distribution Learning with Label Ambiguity, IEEE TIP 26, 2017.
 */
import { fromTypedArray, scope, type Tensor } from "@slicestack/torch";
import { z } from "zod";
import { key } from "../../config/notes.js";
import { defineLoss } from "../component.js";
import { softmaxOutputs } from "../outputs.js";
import type { Criterion } from "./criterion.js";
import { massTotal, meanByMass } from "./targets.js";

export class LabelDistribution implements Criterion {
  readonly outputs = softmaxOutputs.outputs;
  readonly probabilities = softmaxOutputs.probabilities;
  readonly #smoothing: number;
  readonly #distribution: Float64Array;

  /** @param sd σ, in classes */
  constructor({ sd, smoothing, classes }: { sd: number; smoothing: number; classes: number }) {
    const all = Array.from({ length: classes }, (_, k) => k);
    this.#smoothing = smoothing;
    this.#distribution = Float64Array.from(
      all.flatMap((k) => {
        const raw = all.map((j) => Math.exp(-((j - k) ** 2) / (2 * sd ** 2)));
        const sum = raw.reduce((a, b) => a + b, 0);
        return raw.map((value) => value / sum);
      }),
    );
  }

  loss(logits_BK: Tensor, target: Tensor, weight_K: Tensor | null): Tensor {
    const { dtype, device } = logits_BK;
    const classes = logits_BK.size(1);
    return scope(() => {
      const q_KJ = fromTypedArray(this.#distribution, [classes, classes], { dtype, device });
      // Not a matrix product, which autocast would compute in half precision.
      const loss_BK = logits_BK.logSoftmax(1).neg().unsqueeze(1).mul(q_KJ).sum(2);
      return meanByMass(loss_BK, target, { weight_K, smoothing: this.#smoothing });
    });
  }

  mass(target: Tensor, weight_K: Tensor | null, classes: number): number {
    return massTotal(target, classes, weight_K);
  }
}

export const labelDistribution = defineLoss({
  name: "label_distribution",
  source: "Gao et al., IEEE Transactions on Image Processing 26, 2017",
  architecture: "cross entropy with a normal distribution around the true class",
  hint: "for ordered classes, with one output per class",
  options: z.strictObject({
    sd: key(
      z.number().positive().default(0.5),
      "a number above 0",
      "Standard deviation of the distribution, in classes; near 0 = cross entropy",
    ),
  }),
  isOrdinal: true,
  isProper: false,
  create: ({ smoothing, classes }, { sd }) => new LabelDistribution({ sd, smoothing, classes }),
});
