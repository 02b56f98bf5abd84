/**
 * Ordered classes by CORN: K - 1 binary tasks; task t uses only samples whose class is t or above.
 * Shi, Cao, Raschka: Deep neural networks for rank-consistent ordinal regression based on conditional probabilities,
 * Pattern Analysis and Applications 26, 2023: the sum over tasks of their binary cross entropies, divided by the
 * number of answers. The sum for a sample of class k is -log P(class = k), so that soft targets and class weights work as usual.
 * CORN needs neither ordered thresholds (as a cumulative link does) nor shared weights (as CORAL does) to be consistent.
 */
import { fromTypedArray, scope, type Tensor } from "@slicestack/torch";
import { ordinalOutputs, ordinalSurprise } from "../outputs.js";
import type { Criterion } from "./criterion.js";
import { massTotal, meanByMass } from "./targets.js";
import { defineLoss } from "../component.js";

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
      const terms_K = answersOf(loss_BK.size(1), loss_BK);
      return meanByMass(loss_BK, target, { weight_K, smoothing: this.#smoothing, terms_K });
    });
  }

  mass(target: Tensor, weight_K: Tensor | null, classes: number): number {
    return scope(() =>
      massTotal(target, classes, weight_K, answersOf(classes, weight_K ?? target.to({ dtype: "float64" }))),
    );
  }
}

/** The number of tasks that use a sample of each class: 0..k for class k, and for the last class as many as for the one before. */
function answersOf(classes: number, { dtype, device }: Tensor): Tensor {
  const answers = Float64Array.from({ length: classes }, (_, k) => Math.min(k + 1, classes - 1));
  return fromTypedArray(answers, [classes], { dtype, device });
}

export const ordinal = defineLoss({
  name: "ordinal",
  source: "Shi, Cao, Raschka, Pattern Analysis and Applications 26, 2023",
  architecture: "K - 1 binary tasks: above this class, given that it is reached",
  hint: "for ordered classes (CORN)",
  outputs: ordinalOutputs,
  isOrdinal: true,
  create: ({ smoothing }) => new Ordinal({ smoothing }),
});
