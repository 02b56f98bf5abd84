/** Computes calibrated probabilities from logits in the engine, as the evaluation does with plain numbers. */
import { cat, fromTypedArray, functional as F, type Tensor } from "@slicestack/torch";
import type { VoteRule } from "@slicestack/stats";
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

/** How the slices of a volume vote: probability_BSK → B, K; the rules of @slicestack/stats. */
export function vote(probability_BSK: Tensor, { rule, k }: { rule: VoteRule; k: number }): Tensor {
  const slices = probability_BSK.size(1);
  switch (rule) {
    case "mean":
      return shares(probability_BSK.mean(1));
    case "topk":
      return shares(probability_BSK.topk(Math.min(k, slices), 1).values.mean(1));
    case "majority": {
      const votes_BSK = F.oneHot(probability_BSK.argmax(2), probability_BSK.size(2));
      return votes_BSK
        .sum(1)
        .add(shares(probability_BSK.mean(1)))
        .div(slices + 1);
    }
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
      throw new ExportError(
        "The vote `count` gives scores by a threshold and no probabilities, so that it has no graph",
        "Export the slices' probabilities with --part trunk, or train with another slice.vote.",
      );
  }
}
