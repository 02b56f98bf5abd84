/** Splits with fewer labelled training subjects, for learning curves. */
import { Random } from "@slicestack/stats";
import { SplitError } from "../errors.js";
import type { Dataset } from "../store.js";
import type { TaskVolume } from "../task.js";
import { sealed, type Split } from "./split.js";

/**
 * Keeps the same share of the training subjects of each class (a subject's highest label), at least one; val and test stay
 * unchanged. With one seed, smaller shares are subsets of larger ones, so that a curve over shares only adds subjects.
 * @param train the task's volumes of the split's train part: volumes without a class of the task are always left out
 * @param share above 0 and up to 1, which is the split itself   @throws SplitError
 */
export function fewerTraining(
  dataset: Dataset,
  split: Split,
  train: readonly TaskVolume[],
  { share, seed }: { share: number; seed: number },
): Split {
  if (!(share > 0 && share <= 1))
    throw new SplitError(
      `share of the training subjects: expected a number > 0 and <= 1, received ${share}`,
      "0.25 is a quarter.",
    );
  if (share === 1) return split;
  const highest = new Map<string, number>();
  for (const { subject, label } of train) highest.set(subject, Math.max(label, highest.get(subject) ?? 0));
  const random = new Random(seed).fork("fewer");
  const kept = new Set(
    [...new Set(highest.values())].flatMap((label) => {
      const subjects = [...highest.keys()].filter((subject) => highest.get(subject) === label).sort();
      const shuffled = random.fork(label).shuffle(subjects);
      return shuffled.slice(0, Math.max(1, Math.round(share * subjects.length)));
    }),
  );
  return sealed(dataset, {
    seed: split.seed,
    group: split.by[1],
    origin: split.origin,
    warnings: split.warnings,
    ...(split.fold === null ? {} : { fold: split.fold }),
    parts: { ...split.parts, train: train.filter(({ subject }) => kept.has(subject)).map(({ id }) => id) },
  });
}
