/** The published 2D baseline: count the positive slices of a volume, and call it positive at a threshold or above. */
import { RangeOfParameterError, ShapeError } from "../errors.js";
import { accuracy, balancedAccuracy, confusionMatrix, macroF1 } from "../metrics/confusion.js";
import { middleOfBest } from "../decisions/plateau.js";
import { voteCounts, type SliceProbabilities } from "./rules.js";

/** A volume in the threshold vote of a binary task: number of slices that chose class 1, and number of slices. */
export interface PositiveCount {
  positive: number;
  slices: number;
}

/** @throws ShapeError unless there are two classes and at least one slice */
export function countPositive(slices_SC: SliceProbabilities): PositiveCount {
  const counts = voteCounts(slices_SC);
  if (counts.length !== 2) throw new ShapeError("countPositive", "2 classes", String(counts.length));
  return { positive: counts[1]!, slices: slices_SC.length };
}

/**
 * A volume is positive where at least `numerator / denominator` of its slices are: for equal depths, a count of slices.
 */
export interface VoteThreshold {
  numerator: number;
  denominator: number;
}

/** Compared as whole numbers, so that 3 of 9 reaches one third. */
export function isPositive(
  { positive, slices }: PositiveCount,
  { numerator, denominator }: VoteThreshold,
): boolean {
  return positive * denominator >= numerator * slices;
}

/** The metric that the threshold is chosen by. */
export type SweepCriterion = "accuracy" | "balancedAccuracy" | "macroF1";

/** One step of the sweep. */
export interface SweepStep {
  threshold: VoteThreshold;
  accuracy: number;
  balancedAccuracy: number;
  macroF1: number;
}

export interface Sweep {
  steps: SweepStep[];
  best: VoteThreshold;
}

/**
 * Tries every threshold 0..S on the validation volumes (S the largest depth; a fraction of the slices where depths
 * differ) and keeps the one with the highest balanced accuracy, or another criterion. Where several are equally good,
 * it takes the middle of their longest run. The result is frozen: test volumes only ever see `best`.
 * @param labels 0 or 1 for each volume
 * @throws ShapeError where lengths differ or there are no volumes, RangeOfParameterError for a volume without slices
 */
export function sweepThreshold(
  volumes: readonly PositiveCount[],
  labels: readonly number[],
  criterion: SweepCriterion = "balancedAccuracy",
): Sweep {
  if (volumes.length === 0 || volumes.length !== labels.length)
    throw new ShapeError(
      "sweepThreshold: labels",
      `${Math.max(1, volumes.length)} values`,
      String(labels.length),
    );
  for (const { positive, slices } of volumes)
    if (!(slices >= 1 && positive >= 0 && positive <= slices))
      throw new RangeOfParameterError(
        "positive slices",
        "0..slices, slices >= 1",
        `${positive} of ${slices}`,
      );
  const denominator = Math.max(...volumes.map(({ slices }) => slices));
  const steps = Array.from({ length: denominator + 1 }, (_, numerator) =>
    scoreThreshold(volumes, labels, { numerator, denominator }),
  );
  return { steps, best: steps[middleOfBest(steps.map((step) => step[criterion]))]!.threshold };
}

function scoreThreshold(
  volumes: readonly PositiveCount[],
  labels: readonly number[],
  threshold: VoteThreshold,
): SweepStep {
  const decisions = volumes.map((volume) => (isPositive(volume, threshold) ? 1 : 0));
  const confusion = confusionMatrix(labels, decisions, 2);
  return {
    threshold,
    accuracy: accuracy(confusion),
    balancedAccuracy: balancedAccuracy(confusion),
    macroF1: macroF1(confusion),
  };
}

/**
 * The threshold vote as a pair of scores that sum to 1: above one half exactly where the volume is positive, and in the
 * order of the positive fraction, so that accuracy and AUROC are those of the vote. It is a score, not a calibrated
 * probability: its NLL, Brier score and ECE are meaningless.
 */
export function thresholdVote(volume: PositiveCount, threshold: VoteThreshold): [number, number] {
  const fraction = volume.positive / volume.slices;
  const t = threshold.numerator / threshold.denominator;
  const margin = 1 / (2 * threshold.denominator);
  const score = isPositive(volume, threshold)
    ? 0.5 + (0.5 * (Math.max(0, fraction - t) + margin)) / (1 - t + margin)
    : (0.5 * fraction) / t;
  return [1 - score, score];
}
