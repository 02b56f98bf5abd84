/**
 * Noisy-or: a volume shows a finding if at least one of its slices does, P = 1 - Π_s (1 - p_s) with p_s = sigmoid(z_s).
 * Pearl: Probabilistic Reasoning in Intelligent Systems, 1988, 4.3.2; over instances: Viola, Platt, Zhang: Multiple Instance
 * Boosting for Object Detection, NIPS 2005. The order of slices is ignored.
 *
 * Two classes: class 1 is the finding, with one score per slice. The logits are [0, log P / (1 - P)], so that softmax gives
 * exactly [1 - P, P].
 * K classes: each is a finding with separate scores, and its logit is log P_k / (1 - P_k). Softmax over these is the
 * probability of each finding, given that exactly one of them is present: P_k Π_j≠k (1 - P_j), normalised.
 * B volumes, S slices, E embedding, J scores per slice (1, or K).
 */
import { cat, functional as F, noGrad, stack, zerosLike, type Tensor } from "@slicestack/torch";
import { Dropout, Linear } from "@slicestack/torch/nn";
import { Head, type HeadOptions, type HeadOutput } from "./head.js";
import { defineHead } from "../component.js";

// The score of a missing slice: its probability e^-10000 rounds to 0, and its gradient is finite.
const never = -1e4;

export class NoisyOrHead extends Head {
  readonly drop: Dropout;
  readonly score: Linear;

  constructor({ embedding, slices, classes, dropout }: HeadOptions) {
    super();
    this.drop = new Dropout(dropout);
    this.score = new Linear(embedding, classes === 2 ? 1 : classes);
    // Otherwise S slices with probability 1/2 would start at P = 1, where nothing is learned.
    noGrad(() => this.score.bias?.fill_(-Math.log(Math.max(2, slices))));
  }

  /** The weight of a slice is its share of the summed probabilities of all slices, averaged over the findings. */
  override forward(embedding_BSE: Tensor, mask_BS: Tensor): HeadOutput {
    const raw_BSJ = this.score.forward(this.drop.forward(embedding_BSE));
    // Probabilities near 0 and 1 need more digits than half precision has.
    const fine_BSJ = raw_BSJ.dtype === "float64" ? raw_BSJ : raw_BSJ.to({ dtype: "float32" });
    const score_BSJ = fine_BSJ.maskedFill(mask_BS.logicalNot().unsqueeze(-1), never);
    const logOdds_BJ = atLeastOne(score_BSJ);
    const logits_BK = logOdds_BJ.size(1) === 1 ? cat([zerosLike(logOdds_BJ), logOdds_BJ], 1) : logOdds_BJ;
    const logProbability_BSJ = F.softplus(score_BSJ.neg()).neg();
    return { logits_BK, sliceWeight_BS: logProbability_BSJ.softmax(1).mean(2) };
  }
}

/**
 * Log-odds that at least one of several independent events happens, from the log-odds of each. For two events they are
 * log(e^a + e^b + e^(a+b)), which neither overflows nor loses small values; neighbours are joined until one value is left.
 * score_BSJ → logodds_BJ
 */
function atLeastOne(score_BSJ: Tensor): Tensor {
  let odds_BSJ = score_BSJ;
  while (odds_BSJ.size(1) > 1) {
    // An odd number is completed by an event that never happens, so that padding does not change which neighbours are joined.
    const even_BSJ = odds_BSJ.size(1) % 2 === 0 ? odds_BSJ : odds_BSJ.pad([0, 0, 0, 1], "constant", never);
    const [first, second] = [even_BSJ.slice(1, 0, undefined, 2), even_BSJ.slice(1, 1, undefined, 2)];
    odds_BSJ = stack([first, second, first.add(second)]).logsumexp(0);
  }
  return odds_BSJ.squeeze(1);
}

export const noisyOr = defineHead({
  name: "noisy_or",
  source: "Viola, Platt, Zhang, NIPS 2005",
  architecture: "probability that at least one slice shows it",
  refusesGrades: "gives the probability of each finding, and ordered classes are not separate findings",
  create: ({ outputs, ...shape }) => new NoisyOrHead({ ...shape, classes: outputs }),
});
