/** The published 2D baseline: count the positive slices of a volume, call it positive from a threshold on. */
import { RangeOfParameterError, ShapeError } from "../errors.js";
import { accuracy, balancedAccuracy, confusionMatrix, macroF1 } from "../metrics/confusion.js";
import { middleOfBest } from "../decisions/plateau.js";
import { voteCounts, type SliceProbabilities } from "./rules.js";

/** A volume for the threshold vote of a binary task: slices that say class 1, of how many. */
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

/** A volume is positive where at least `numerator / denominator` of its slices are: for equal depths a count of slices. */
export interface VoteThreshold {
  numerator: number;
  denominator: number;
}

/** Compared in whole numbers, so that 3 of 9 reaches a third. */
export function isPositive({ positive, slices }: PositiveCount, { numerator, denominator }: VoteThreshold): boolean {
  return positive * denominator >= numerator * slices;
}

/** What the best threshold is best in. */
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
 * differ) and keeps the one of highest balanced accuracy, or of another criterion. Where several are equally good, the middle of their longest
 * run is taken. The result is frozen: test volumes only ever see `best`.
 * @param labels 0 or 1 for each volume
 * @throws ShapeError where lengths differ or there are no volumes, RangeOfParameterError for a volume without slices
 */
export function sweepThreshold(
  volumes: readonly PositiveCount[],
  labels: readonly number[],
  criterion: SweepCriterion = "balancedAccuracy",
): Sweep {
  if (volumes.length === 0 || volumes.length !== labels.length)
    throw new ShapeError("sweepThreshold: labels", `${Math.max(1, volumes.length)} values`, String(labels.length));
  for (const { positive, slices } of volumes)
    if (!(slices >= 1 && positive >= 0 && positive <= slices))
      throw new RangeOfParameterError("positive slices", "0..slices, slices >= 1", `${positive} of ${slices}`);
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
 * order of the positive fraction, so that accuracy and AUROC are those of the vote. A score, not a calibrated
 * probability: its NLL, Brier score and ECE say nothing.
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
