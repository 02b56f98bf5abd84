/**
 * The count-threshold vote for more than two classes. It counts the slices that chose each class; thresholds
 * are swept over 0..S on the validation set and then frozen, as in the vote for two classes.
 * S slices, C classes.
 */
import { RangeOfParameterError, ShapeError } from "../errors.js";
import { middleOfBest } from "../decisions/plateau.js";
import { accuracy, argmax, balancedAccuracy, confusionMatrix, macroF1 } from "../metrics/confusion.js";
import {
  isPositive,
  sweepThreshold,
  type PositiveCount,
  type Sweep,
  type SweepCriterion,
  type VoteThreshold,
} from "./count-threshold.js";
import { majorityVote, voteCounts, type SliceProbabilities } from "./rules.js";

/** What the sweeps need to know about a volume. */
export interface ClassCounts {
  /** number of slices that chose each class */
  counts_C: readonly number[];
  /** shares of the majority vote, whose order decides between classes */
  shares_C: readonly number[];
  slices: number;
}

/** @throws ShapeError for no slices or rows of different length */
export function countClasses(slices_SC: SliceProbabilities): ClassCounts {
  return { counts_C: voteCounts(slices_SC), shares_C: majorityVote(slices_SC), slices: slices_SC.length };
}

/**
 * A volume is of the background class unless at least the threshold's share of its slices chose another class; then it
 * is of the class that most of these slices chose (the mean probability decides ties). For two classes this is the vote
 * of `isPositive`.
 * @param background the class of slices that show nothing
 */
export function classVote(volume: ClassCounts, threshold: VoteThreshold, background = 0): number {
  if (!isPositive(foreground(volume, background), threshold)) return background;
  return argmax(volume.shares_C.map((share, c) => (c === background ? -1 : share)));
}

function foreground({ counts_C, slices }: ClassCounts, background: number): PositiveCount {
  return { positive: slices - counts_C[background]!, slices };
}

/**
 * Tries every threshold 0..S of `classVote` on the validation set and keeps the middle of the longest run of best ones.
 * @throws ShapeError where lengths differ or there are no volumes, RangeOfParameterError, LabelError
 */
export function sweepClassVote(
  volumes: readonly ClassCounts[],
  labels: readonly number[],
  {
    background = 0,
    criterion = "balancedAccuracy",
  }: { background?: number; criterion?: SweepCriterion } = {},
): Sweep {
  const classes = checkVolumes("sweepClassVote", volumes, labels);
  if (!Number.isInteger(background) || background < 0 || background >= classes)
    throw new RangeOfParameterError("background", `a class 0..${classes - 1}`, String(background));
  const denominator = volumes.reduce((most, { slices }) => Math.max(most, slices), 1);
  const steps = Array.from({ length: denominator + 1 }, (_, numerator) => {
    const threshold = { numerator, denominator };
    const votes = volumes.map((volume) => classVote(volume, threshold, background));
    const confusion = confusionMatrix(labels, votes, classes);
    return {
      threshold,
      accuracy: accuracy(confusion),
      balancedAccuracy: balancedAccuracy(confusion),
      macroF1: macroF1(confusion),
    };
  });
  return { steps, best: steps[middleOfBest(steps.map((step) => step[criterion]))]!.threshold };
}

/** One frozen threshold for each border between grades: [0 | 1], [0, 1 | 2], ... */
export interface GradeThresholds {
  best: VoteThreshold[];
  sweeps: Sweep[];
}

/**
 * For ordered classes: for each border c = 1..C-1, "grade c or worse" is a task of two classes with a separate
 * threshold on the number of slices of grade c or worse. Frank & Hall, ECML 2001.
 * @throws as sweepClassVote
 */
export function sweepGrades(
  volumes: readonly ClassCounts[],
  labels: readonly number[],
  criterion: SweepCriterion = "balancedAccuracy",
): GradeThresholds {
  const classes = checkVolumes("sweepGrades", volumes, labels);
  const sweeps = Array.from({ length: classes - 1 }, (_, border) =>
    sweepThreshold(
      volumes.map((volume) => atLeast(volume, border + 1)),
      labels.map((label) => (label > border ? 1 : 0)),
      criterion,
    ),
  );
  return { best: sweeps.map(({ best }) => best), sweeps };
}

/** The number of borders that the volume exceeds. */
export function gradeVote(volume: ClassCounts, thresholds: readonly VoteThreshold[]): number {
  return thresholds.filter((threshold, border) => isPositive(atLeast(volume, border + 1), threshold)).length;
}

function atLeast({ counts_C, slices }: ClassCounts, grade: number): PositiveCount {
  return { positive: counts_C.slice(grade).reduce((a, b) => a + b, 0), slices };
}

function checkVolumes(name: string, volumes: readonly ClassCounts[], labels: readonly number[]): number {
  if (volumes.length === 0 || volumes.length !== labels.length)
    throw new ShapeError(`${name}: labels`, `${Math.max(1, volumes.length)} values`, String(labels.length));
  const classes = volumes[0]!.counts_C.length;
  const ragged = volumes.findIndex(({ counts_C }) => counts_C.length !== classes);
  if (ragged >= 0)
    throw new ShapeError(
      `${name}: volume ${ragged}`,
      `${classes} classes`,
      String(volumes[ragged]!.counts_C.length),
    );
  return classes;
}
