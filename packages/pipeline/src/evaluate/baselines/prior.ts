/** The majority baseline, which a model must beat: it always predicts the most frequent class. */
import { checkLabels, ShapeError } from "@slicestack/stats";

/**
 * The fraction of each class among the training labels. As the probabilities of every test volume, it predicts the
 * majority class and has the best NLL that is possible without the images.
 * @throws ShapeError for no labels, LabelError outside 0..C-1
 */
export function classPrior(trainLabels: readonly number[], classes: number): number[] {
  if (trainLabels.length === 0) throw new ShapeError("classPrior: labels", "at least one", "none");
  checkLabels(trainLabels, classes);
  const counts = new Array<number>(classes).fill(0);
  for (const label of trainLabels) counts[label]! += 1;
  return counts.map((count) => count / trainLabels.length);
}

/** Probabilities of the majority baseline for `volumes` volumes, each the train prior. */
export function majorityBaseline(
  trainLabels: readonly number[],
  classes: number,
  volumes: number,
): number[][] {
  const prior = classPrior(trainLabels, classes);
  return Array.from({ length: volumes }, () => [...prior]);
}
