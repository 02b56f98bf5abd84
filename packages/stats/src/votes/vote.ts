/** The vote that a configuration selects; its threshold is chosen on the validation set alone. */
import { argmax } from "../metrics/confusion.js";
import { classVote, countClasses, sweepClassVote } from "./class-counts.js";
import {
  countPositive,
  sweepThreshold,
  thresholdVote,
  type Sweep,
  type VoteThreshold,
} from "./count-threshold.js";
import { majorityVote, meanVote, noisyOrVote, topKVote, type SliceProbabilities } from "./rules.js";

export const VOTE_RULES = ["mean", "majority", "count", "topk", "noisy_or"] as const;
export type VoteRule = (typeof VOTE_RULES)[number];

/** Volumes whose slices vote. */
export interface Voters {
  slices: readonly SliceProbabilities[];
  labels: readonly number[];
}

export interface Vote {
  /** volumes x classes; for `count` these are scores whose largest is the decision, not probabilities */
  probabilities: number[][];
  /** for `count`: every threshold on the validation set */
  sweep: Sweep | null;
}

/** @throws ShapeError, ProbabilityError */
export function voteBy(
  rule: VoteRule,
  { val, volumes, k }: { val: Voters; volumes: readonly SliceProbabilities[]; k: number },
): Vote {
  if (rule === "count") return countVote(val, volumes);
  const voteOf = {
    mean: meanVote,
    majority: majorityVote,
    topk: (slices_SC: SliceProbabilities) => topKVote(slices_SC, k),
    noisy_or: noisyOrVote,
  }[rule];
  return { probabilities: volumes.map(voteOf), sweep: null };
}

function countVote(val: Voters, volumes: readonly SliceProbabilities[]): Vote {
  const sweep =
    val.slices[0]?.[0]?.length === 2
      ? sweepThreshold(val.slices.map(countPositive), val.labels)
      : sweepClassVote(val.slices.map(countClasses), val.labels);
  return { probabilities: volumes.map((slices) => countVoteAt(sweep.best, slices)), sweep };
}

/**
 * The count vote at a frozen threshold.
 * @returns scores of the classes, whose largest is the decision   @throws ShapeError, ProbabilityError
 */
export function countVoteAt(threshold: VoteThreshold, slices_SC: SliceProbabilities): number[] {
  if (slices_SC[0]?.length === 2) return thresholdVote(countPositive(slices_SC), threshold);
  const volume = countClasses(slices_SC);
  const decision = classVote(volume, threshold);
  return volume.shares_C.map((share, c) => 0.5 * share + (c === decision ? 0.5 : 0));
}

/** The probability that each slice gives to the predicted class of the volume, in slice order. */
export function sliceEvidence(slices_SC: SliceProbabilities, probabilities: readonly number[]): number[] {
  const decision = argmax(probabilities);
  return slices_SC.map((row) => row[decision] ?? 0);
}
