/** Computes calibrated probabilities from logits in the engine, as the evaluation does with plain numbers. */
import { cat, fromTypedArray, functional as F, type Tensor } from "@slicestack/torch";
import type { VoteRule, VoteThreshold } from "@slicestack/stats";
import { ExportError } from "./export-error.js";

/** The calibration of a model, fitted on the validation set: see evaluate/analysis/calibrate.ts. */
export interface Calibration {
  /** Class proportions seen in training, and those of the training set; null if they are equal. */
  priors: { trained: readonly number[]; target: readonly number[] } | null;
  temperature: number;
}

/** Log probabilities are clipped at this value, as they were when the temperature was fitted. */
const SMALLEST = Number.EPSILON;

/** probability_BK → probability_BK, corrected for the class proportions and scaled by the temperature. */
export function calibrated(probability_BK: Tensor, { priors, temperature }: Calibration): Tensor {
  const mixed = priors === null ? probability_BK : reweighted(probability_BK, priors);
  return mixed.clamp(SMALLEST).log().div(temperature).softmax(1);
}

function reweighted(probability_BK: Tensor, { trained, target }: NonNullable<Calibration["priors"]>): Tensor {
  const ratio = Float32Array.from(trained, (prior, k) => (target[k] ?? 0) / prior);
  return shares(probability_BK.mul(fromTypedArray(ratio, [1, ratio.length])));
}

const shares = (score_BK: Tensor): Tensor => score_BK.div(score_BK.sum(-1, true));

/**
 * How the slices of a volume vote: probability_BSK → B, K; the rules of @slicestack/stats.
 * @param threshold of the rule count; null if no evaluation has chosen one
 */
export function vote(
  probability_BSK: Tensor,
  { rule, k }: { rule: VoteRule; k: number },
  threshold: VoteThreshold | null,
): Tensor {
  const slices = probability_BSK.size(1);
  switch (rule) {
    case "mean":
      return shares(probability_BSK.mean(1));
    case "topk":
      return shares(probability_BSK.topk(Math.min(k, slices), 1).values.mean(1));
    case "majority":
      return majority(probability_BSK);
    case "noisy_or": {
      const none_BSK = probability_BSK.neg().add(1).clamp(0);
      const first_B1 = probability_BSK.narrow(2, 0, 1).log().sum(1).exp();
      const others_BJ = none_BSK
        .narrow(2, 1, none_BSK.size(2) - 1)
        .log()
        .sum(1)
        .exp()
        .neg()
        .add(1);
      return shares(cat([first_B1, others_BJ], 1));
    }
    case "count":
      if (threshold !== null) return countVote(probability_BSK, threshold);
      throw new ExportError(
        "The vote `count` decides by a threshold, which no evaluation has chosen for these weights",
        "Run slicestack evaluate first, or export the slices' probabilities with --part trunk.",
      );
  }
}

/** The slices that each class won, B, K. */
const counts = (probability_BSK: Tensor): Tensor =>
  F.oneHot(probability_BSK.argmax(2), probability_BSK.size(2)).sum(1).to({ dtype: "float32" });

/** One vote for each slice, and their mean as one more, which decides ties. */
const majority = (probability_BSK: Tensor): Tensor =>
  counts(probability_BSK)
    .add(shares(probability_BSK.mean(1)))
    .div(probability_BSK.size(1) + 1);

/** The count vote at a frozen threshold: countVoteAt of @slicestack/stats. */
function countVote(probability_BSK: Tensor, { numerator, denominator }: VoteThreshold): Tensor {
  const [slices, classes] = [probability_BSK.size(1), probability_BSK.size(2)];
  const count_BK = counts(probability_BSK);
  const others_B1 = count_BK.narrow(1, 1, classes - 1).sum(1, true);
  // Whole numbers, so that 3 of 9 reaches one third.
  const isPositive_B1 = others_B1.mul(denominator).sub(others_B1.mul(0).add(slices).mul(numerator)).ge(0);
  if (classes === 2) {
    const t = numerator / denominator;
    const margin = 1 / (2 * denominator);
    const share_B1 = others_B1.div(slices);
    const above = share_B1
      .sub(t)
      .clamp(0)
      .add(margin)
      .div(1 - t + margin)
      .mul(0.5)
      .add(0.5);
    // At a threshold of 0 every volume is positive, and the other branch is not used.
    const below = share_B1.mul(t === 0 ? 0 : 0.5 / t);
    const score_B1 = F.where(isPositive_B1, above, below);
    return cat([score_B1.neg().add(1), score_B1], 1);
  }
  const shares_BK = majority(probability_BSK);
  const foreground = F.oneHot(shares_BK.narrow(1, 1, classes - 1).argmax(1), classes - 1).to({
    dtype: "float32",
  });
  const background_B1 = others_B1.mul(0);
  const chosen = F.where(
    isPositive_B1,
    cat([background_B1, foreground], 1),
    cat([background_B1.add(1), foreground.mul(0)], 1),
  );
  return shares_BK.mul(0.5).add(chosen.mul(0.5));
}
