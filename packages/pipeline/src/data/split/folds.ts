/** Cross-validation: k folds, repeated with other draws, with or without a shared test part. */
import { Random } from "@slicestack/stats";
import { SplitError } from "../errors.js";
import { labelsOf, type Dataset } from "../store.js";
import { dealFolds, trainFolds } from "./deal.js";
import { makeSplit } from "./holdout.js";
import { foldName, sealed, type Split } from "./split.js";
import { unitsOf, type Unit } from "./units.js";

export interface FoldOptions {
  seed: number;
  /** At least 3: each fold is the test part once, and the val part of another fold once. */
  folds: number;
  /** Default 1. */
  repeats?: number;
  /**
   * A test part that all folds share: the fraction of subjects to draw, or ids, such as an official test part. The subjects
   * of a fold are then val and those of the other folds train; two folds are enough. Default: no shared test part.
   */
  test?: number | readonly string[];
  group?: string;
}

/**
 * Splits in the order repeat 0 fold 0, repeat 0 fold 1 … Without `test`, fold i is test, the next one val, the others
 * train, so that every subject is in test once per repeat. Classes are spread as evenly as whole units allow.
 * @throws SplitError if there are too few folds or subjects
 */
export function makeFolds(dataset: Dataset, options: FoldOptions): Split[] {
  const { seed, folds, repeats = 1, group } = options;
  const units = unitsOf(dataset, group);
  const test = testIds(dataset, options);
  const free = units.filter(({ ids }) => !ids.some((id) => test.has(id)));
  const least = options.test === undefined ? 3 : 2;
  if (!Number.isSafeInteger(folds) || folds < least || free.length < folds) {
    const most = `${free.length}, the number of ${group === undefined ? "subjects" : `groups by ${group}`}`;
    throw new SplitError(
      `folds: expected a whole number from ${least} to ${most}, received ${folds}`,
      "5 is usual; with a shared test part 2 folds are enough, without one 3.",
    );
  }
  if (!Number.isSafeInteger(repeats) || repeats < 1)
    throw new SplitError(
      `repeats: expected a whole number >= 1, received ${repeats}`,
      "Leave it out for one repeat.",
    );
  const warnings = rareClasses(dataset, free, folds);
  const splits: Split[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const dealt = dealFolds(
      free,
      folds,
      options.test !== undefined,
      new Random(seed).fork(`folds ${repeat}`),
    );
    const idsOf = (...numbers: number[]) => numbers.flatMap((fold) => dealt[fold]!.flatMap(({ ids }) => ids));
    for (let fold = 0; fold < folds; fold++) {
      const next = (fold + 1) % folds;
      const train = idsOf(...trainFolds(fold, folds, options.test !== undefined));
      const parts =
        options.test === undefined
          ? { train, val: idsOf(next), test: idsOf(fold) }
          : { train, val: idsOf(fold), test: [...test] };
      const position = { repeat, repeats, fold, folds };
      const foldWarnings = [...warnings, ...untrained(dataset, train, free, foldName({ fold: position }))];
      splits.push(sealed(dataset, { seed, group, parts, warnings: foldWarnings, fold: position }));
    }
  }
  return splits;
}

function testIds(dataset: Dataset, { seed, test, group }: FoldOptions): Set<string> {
  if (test === undefined) return new Set();
  if (typeof test !== "number") return new Set(test);
  if (!(test > 0 && test < 1))
    throw new SplitError(`test: expected a share between 0 and 1, received ${test}`, "0.2 is usual.");
  const split = makeSplit(dataset, {
    seed,
    fractions: [1 - test, 0, test],
    ...(group === undefined ? {} : { group }),
  });
  return new Set(split.parts.test);
}

function rareClasses(dataset: Dataset, units: readonly Unit[], folds: number): string[] {
  return labelsOf(dataset.info).flatMap((label) => {
    const name = dataset.info.classes[label]!;
    const count = units.filter(({ labels }) => labels.has(label)).length;
    if (count >= folds) return [];
    return [
      `class ${label} (${name}) has ${count} ${count === 1 ? "subject" : "subjects"}: it cannot be in each of ${folds} folds`,
    ];
  });
}

/** A model cannot learn a class that is missing from its train part: warns for each fold where this is unavoidable. */
function untrained(
  dataset: Dataset,
  train: readonly string[],
  free: readonly Unit[],
  name: string,
): string[] {
  const ids = new Set(train);
  const trained = new Set(dataset.volumes.filter(({ id }) => ids.has(id)).map(({ label }) => label));
  return labelsOf(dataset.info).flatMap((label) => {
    if (trained.has(label) || !free.some(({ labels }) => labels.has(label))) return [];
    return [
      `${name}: class ${label} (${dataset.info.classes[label]}) is not in train, so its model cannot learn it`,
    ];
  });
}
