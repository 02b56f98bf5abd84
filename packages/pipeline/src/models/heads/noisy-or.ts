/**
 * Noisy-or: a volume shows a finding where at least one of its slices does, P = 1 - Π_s (1 - p_s) with p_s = sigmoid(z_s).
 * Pearl: Probabilistic Reasoning in Intelligent Systems, 1988, 4.3.2; over instances: Viola, Platt, Zhang: Multiple Instance
 * Boosting for Object Detection, NIPS 2005. Blind to slice order.
 *
 * Two classes: class 1 is the finding, with one score a slice. The logits are [0, log P / (1 - P)], so that softmax gives
 * exactly [1 - P, P].
 * K classes: each is a finding with its own scores, and its logit is log P_k / (1 - P_k). Softmax over these is the
 * probability of each finding, given that exactly one of them is there: P_k Π_j≠k (1 - P_j), normalised.
 * B volumes, S slices, E embedding, J scores a slice (1, or K).
 */
import { cat, functional as F, noGrad, stack, zerosLike, type Tensor } from "@slicestack/torch";
import { Dropout, Linear } from "@slicestack/torch/nn";
import { Head, type HeadOptions, type HeadOutput } from "./head.js";
import { defineHead } from "../component.js";

// The score of a slice that is not there: its chance is e^-10000, which is 0, and its gradient is a number.
const never = -1e4;

export class NoisyOrHead extends Head {
  readonly drop: Dropout;
  readonly score: Linear;

  constructor({ embedding, slices, classes, dropout }: HeadOptions) {
    super();
    this.drop = new Dropout(dropout);
    this.score = new Linear(embedding, classes === 2 ? 1 : classes);
    // Otherwise S slices of chance 1/2 would start at P = 1, where nothing is learnt.
    noGrad(() => this.score.bias?.fill_(-Math.log(Math.max(2, slices))));
  }

  /** A slice's weight is its share in the chances of all slices, mean over the findings. */
  override forward(embedding_BSE: Tensor, mask_BS: Tensor): HeadOutput {
    const raw_BSJ = this.score.forward(this.drop.forward(embedding_BSE));
    // Chances near 0 and 1 need more digits than half precision has.
    const fine_BSJ = raw_BSJ.dtype === "float64" ? raw_BSJ : raw_BSJ.to({ dtype: "float32" });
    const score_BSJ = fine_BSJ.maskedFill(mask_BS.logicalNot().unsqueeze(-1), never);
    const either_BJ = atLeastOne(score_BSJ);
    const logits_BK = either_BJ.size(1) === 1 ? cat([zerosLike(either_BJ), either_BJ], 1) : either_BJ;
    const logChance_BSJ = F.softplus(score_BSJ.neg()).neg();
    return { logits_BK, sliceWeight_BS: logChance_BSJ.softmax(1).mean(2) };
  }
}

/**
 * Log-odds that at least one of several independent events happens, from the log-odds of each: those of two are
 * log(e^a + e^b + e^(a+b)), which neither overflows nor loses the small ones; neighbours are joined until one is left.
 * score_BSJ → logodds_BJ
 */
function atLeastOne(score_BSJ: Tensor): Tensor {
  let odds_BSJ = score_BSJ;
  while (odds_BSJ.size(1) > 1) {
    // An odd one out meets one that never happens, so that padding joins the same neighbours.
    const even_BSJ = odds_BSJ.size(1) % 2 === 0 ? odds_BSJ : odds_BSJ.pad([0, 0, 0, 1], "constant", never);
    const [first, second] = [even_BSJ.slice(1, 0, undefined, 2), even_BSJ.slice(1, 1, undefined, 2)];
    odds_BSJ = stack([first, second, first.add(second)]).logsumexp(0);
  }
  return odds_BSJ.squeeze(1);
}

export const noisyOr = defineHead({
  name: "noisy_or",
  source: "Viola, Platt, Zhang, NIPS 2005",
  architecture: "chance that a slice or more shows it",
  refusesGrades: "gives the chance of each finding, which grades in order are not",
  create: ({ outputs, ...shape }) => new NoisyOrHead({ ...shape, classes: outputs }),
});
