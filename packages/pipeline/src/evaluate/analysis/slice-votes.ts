/**
 * The published count vote ("slider analysis"): how many slices must be positive for the volume to be positive. Every
 * threshold is tried on val; only the chosen one is applied to test.
 */
import {
  type ClassCounts,
  countClasses,
  type SliceProbabilities,
  type Sweep,
  sweepClassVote,
  type SweepCriterion,
  sweepThreshold,
} from "@slicestack/stats";

/** The slices of a part, counted by predicted class. */
export interface SliceCounts {
  part: "val" | "test";
  ids: string[];
  labels: number[];
  /** volumes x classes: slices that predict each class */
  counts: number[][];
}

export interface VoteReport extends Sweep {
  criterion: SweepCriterion;
  /** slices of the deepest volume, to which thresholds refer; for a shallower volume they are scaled */
  slices: number;
  /** volumes of val that it was chosen on */
  volumes: number;
}

const CRITERION: SweepCriterion = "balancedAccuracy";

/** @param slices volumes x slices x classes, of val */
export function sweepVotes(slices: readonly SliceProbabilities[], labels: readonly number[]): VoteReport {
  const counted = slices.map(countClasses);
  const sweep =
    counted[0]?.counts_C.length === 2
      ? sweepThreshold(counted.map(positive), labels, CRITERION)
      : sweepClassVote(counted, labels, { criterion: CRITERION });
  return { ...sweep, criterion: CRITERION, slices: sweep.best.denominator, volumes: labels.length };
}

const positive = ({ counts_C, slices }: ClassCounts) => ({ positive: counts_C[1]!, slices });

export function countSlices(
  { part, ids, labels }: Pick<SliceCounts, "part" | "ids" | "labels">,
  slices: readonly SliceProbabilities[],
): SliceCounts {
  return {
    part,
    ids: [...ids],
    labels: [...labels],
    counts: slices.map((sliceProbabilities) => [...countClasses(sliceProbabilities).counts_C]),
  };
}
