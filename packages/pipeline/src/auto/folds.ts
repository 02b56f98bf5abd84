/** The test set, which is read once, and the folds of all other subjects, in which candidates are compared. */
import { makeFolds } from "../data/split/folds.js";
import { makeSplit } from "../data/split/holdout.js";
import { officialSplit } from "../data/split/official.js";
import type { Split } from "../data/split/split.js";
import { labelsOf, type Dataset } from "../data/store.js";
import { listed } from "../data/listed.js";
import { AutoError } from "./errors.js";
import { subjectsOf } from "./scans.js";

/** Share of the subjects in a test set that is drawn. */
const TEST_SHARE = 0.2;

export interface Held {
  /** Ids of the test set, sorted. */
  test: string[];
  origin: Split["origin"];
  /** Subjects of each class outside the test set, in the order of labelsOf. */
  subjects: number[];
  warnings: string[];
}

/**
 * The test set that the data come with, or one that is drawn by subject.
 * @throws AutoError if fewer than two classes have the subjects for a comparison   @throws SplitError
 */
export function holdTestSet(dataset: Dataset, seed: number): Held {
  const isOfficial = dataset.volumes.length > 0 && dataset.volumes.every(({ part }) => part !== null);
  const split = isOfficial
    ? officialSplit(dataset, seed)
    : makeSplit(dataset, { seed, fractions: [1 - TEST_SHARE, 0, TEST_SHARE] });
  const { test } = split.parts;
  const held = new Set(test);
  const labels = labelsOf(dataset.info);
  const rest = dataset.volumes.filter(({ id }) => !held.has(id));
  const subjects = labels.map((label) => subjectsOf(rest.filter((volume) => volume.label === label)));
  const usable = subjects.filter((count) => count >= 2).length;
  if (test.length === 0)
    throw new AutoError(
      dataset.info.name,
      "expected volumes in the test set, found none: the data came with parts, of which none is the test set",
      "Name the test volumes in the column part of the labels, or leave the column out.",
    );
  if (usable < 2) {
    const counts = listed(labels.map((label, k) => `${dataset.info.classes[label]} ${subjects[k]}`));
    throw new AutoError(
      dataset.info.name,
      `expected at least two classes with two subjects each outside the test set, found ${counts}`,
      "Add scans of other subjects, or check the labels.",
    );
  }
  // That val is drawn from an official train part does not matter here: folds divide both.
  const warnings = split.warnings.filter((text) => !text.startsWith("val was drawn"));
  return { test, origin: split.origin, subjects, warnings };
}

/** @param folds at least 2   @throws SplitError */
export const foldsAround = (
  dataset: Dataset,
  { test }: Pick<Held, "test">,
  folds: number,
  seed: number,
): Split[] => makeFolds(dataset, { seed, folds, test });

/** The most folds of which each holds every class that has at least two subjects. */
export const mostFolds = ({ subjects }: Pick<Held, "subjects">): number =>
  Math.min(...subjects.filter((count) => count >= 2));
