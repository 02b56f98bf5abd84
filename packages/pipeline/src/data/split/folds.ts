/** Cross-validation: k folds, repeated with other draws, with or without a test part that all share. */
import { Random } from "@slicestack/stats";
import { SplitError } from "../errors.js";
import { labelsOf, type Dataset } from "../store.js";
import { dealFolds, trainFolds } from "./deal.js";
import { makeSplit } from "./holdout.js";
import { foldName, sealed, type Split } from "./split.js";
import { unitsOf, type Unit } from "./units.js";

export interface FoldOptions {
  seed: number;
  /** At least 3: each fold is once the test part, and once the val part of another. */
  folds: number;
  /** Default 1. */
  repeats?: number;
  /**
   * A test part that every fold shares: a share of the subjects to draw, or ids, such as an official test part. Then a
   * fold's own subjects are val and those of the others train; two folds are enough. Default: none.
   */
  test?: number | readonly string[];
  group?: string;
}

/**
 * Splits in the order repeat 0 fold 0, repeat 0 fold 1 … Without `test`, fold i is test, the next one val, the others
 * train, so that over a repeat every subject is test once. Classes are spread as evenly as whole units allow.
 * @throws SplitError too few folds or subjects
 */
export function makeFolds(dataset: Dataset, options: FoldOptions): Split[] {
  const { seed, folds, repeats = 1, group } = options;
  const units = unitsOf(dataset, group);
  const test = testIds(dataset, options);
  const free = units.filter(({ ids }) => !ids.some((id) => test.has(id)));
  const least = options.test === undefined ? 3 : 2;
  if (!Number.isSafeInteger(folds) || folds < least || free.length < folds) {
    const most = `the ${free.length} ${group === undefined ? "subjects" : `groups by ${group}`} to deal out`;
    throw new SplitError(
      `folds: expected a whole number from ${least} to ${most}, received ${folds}`,
      "5 is usual; with a shared test part 2 folds are enough, without one 3.",
    );
  }
  if (!Number.isSafeInteger(repeats) || repeats < 1)
    throw new SplitError(
      `repeats: expected a whole number from 1 on, received ${repeats}`,
      "Leave it out for one repeat.",
    );
  const warnings = rareClasses(dataset, free, folds);
  const splits: Split[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const dealt = dealFolds(free, folds, options.test !== undefined, new Random(seed).fork(`folds ${repeat}`));
    const idsOf = (...numbers: number[]) => numbers.flatMap((fold) => dealt[fold]!.flatMap(({ ids }) => ids));
    for (let fold = 0; fold < folds; fold++) {
      const next = (fold + 1) % folds;
      const train = idsOf(...trainFolds(fold, folds, options.test !== undefined));
      const parts =
        options.test === undefined
          ? { train, val: idsOf(next), test: idsOf(fold) }
          : { train, val: idsOf(fold), test: [...test] };
      const place = { repeat, repeats, fold, folds };
      const own = [...warnings, ...untrained(dataset, train, free, foldName({ fold: place }))];
      splits.push(sealed(dataset, { seed, group, parts, warnings: own, fold: place }));
    }
  }
  return splits;
}

function testIds(dataset: Dataset, { seed, test, group }: FoldOptions): Set<string> {
  if (test === undefined) return new Set();
  if (typeof test !== "number") return new Set(test);
  if (!(test > 0 && test < 1))
    throw new SplitError(`test: expected a share between 0 and 1, received ${test}`, "0.2 is usual.");
  const split = makeSplit(dataset, { seed, fractions: [1 - test, 0, test], ...(group === undefined ? {} : { group }) });
  return new Set(split.parts.test);
}

function rareClasses(dataset: Dataset, units: readonly Unit[], folds: number): string[] {
  return labelsOf(dataset.info).flatMap((label) => {
    const name = dataset.info.classes[label]!;
    const count = units.filter(({ labels }) => labels.has(label)).length;
    if (count >= folds) return [];
    return [
      `class ${label} (${name}) has ${count} ${count === 1 ? "subject" : "subjects"}: not in each of ${folds} folds`,
    ];
  });
}

/** A model cannot learn a class that its training part lacks: said for each fold that no dealing could give it to. */
function untrained(dataset: Dataset, train: readonly string[], free: readonly Unit[], name: string): string[] {
  const ids = new Set(train);
  const trained = new Set(dataset.volumes.filter(({ id }) => ids.has(id)).map(({ label }) => label));
  return labelsOf(dataset.info).flatMap((label) => {
    if (trained.has(label) || !free.some(({ labels }) => labels.has(label))) return [];
    return [
      `${name}: class ${label} (${dataset.info.classes[label]}) is not in train, so that its model cannot learn it`,
    ];
  });
}
