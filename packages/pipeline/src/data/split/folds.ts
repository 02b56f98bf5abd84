/** Cross-validation: k folds, repeated with other draws, with or without a test part that all share. */
import { SplitError } from "../errors.js";
import { Random } from "../random.js";
import type { Dataset } from "../store.js";
import { makeSplit } from "./holdout.js";
import { sealed, type Split } from "./split.js";
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
      `folds: expected a whole number from ${least} to ${most}, came ${folds}`,
      "5 is usual; with a shared test part 2 folds are enough, without one 3.",
    );
  }
  if (!Number.isSafeInteger(repeats) || repeats < 1)
    throw new SplitError(`repeats: expected a whole number from 1 on, came ${repeats}`, "Leave it out for one repeat.");
  const warnings = rareClasses(dataset, free, folds);
  const splits: Split[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const dealt = deal(free, folds, new Random(seed).fork(`folds ${repeat}`));
    const idsOf = (...numbers: number[]) => numbers.flatMap((fold) => dealt[fold]!.flatMap(({ ids }) => ids));
    for (let fold = 0; fold < folds; fold++) {
      const next = (fold + 1) % folds;
      const others = [...dealt.keys()].filter((other) => other !== fold);
      const parts =
        options.test === undefined
          ? { train: idsOf(...others.filter((other) => other !== next)), val: idsOf(next), test: idsOf(fold) }
          : { train: idsOf(...others), val: idsOf(fold), test: [...test] };
      splits.push(sealed(dataset, { seed, group, parts, warnings, fold: { repeat, repeats, fold, folds } }));
    }
  }
  return splits;
}

function testIds(dataset: Dataset, { seed, test, group }: FoldOptions): Set<string> {
  if (test === undefined) return new Set();
  if (typeof test !== "number") return new Set(test);
  if (!(test > 0 && test < 1))
    throw new SplitError(`test: expected a share between 0 and 1, came ${test}`, "0.2 is usual.");
  const split = makeSplit(dataset, { seed, fractions: [1 - test, 0, test], ...(group === undefined ? {} : { group }) });
  return new Set(split.parts.test);
}

/**
 * Deals units out to k folds: those with the most volumes first, each to the fold that is then the most even in every
 * class; ties go to the fold with the fewest volumes, then the first. The order among equals is drawn.
 */
function deal(units: readonly Unit[], k: number, random: Random): Unit[][] {
  const totals = new Map<number, number>();
  for (const { labels } of units)
    for (const [label, count] of labels) totals.set(label, (totals.get(label) ?? 0) + count);
  const order = random.shuffle([...units]).sort((a, b) => b.ids.length - a.ids.length);
  // Rare classes first among equals in size: they have the fewest places to go.
  const rarest = ({ labels }: Unit) => Math.min(...[...labels.keys()].map((label) => totals.get(label) ?? 0));
  order.sort((a, b) => b.ids.length - a.ids.length || rarest(a) - rarest(b));
  const folds = Array.from({ length: k }, () => ({
    units: [] as Unit[],
    volumes: 0,
    labels: new Map<number, number>(),
  }));
  for (const unit of order) {
    // Sum over the unit's classes of the share that the fold would hold: the least crowded fold wins.
    const crowd = ({ labels }: (typeof folds)[number]) =>
      [...unit.labels].reduce(
        (sum, [label, count]) => sum + (((labels.get(label) ?? 0) + count) / (totals.get(label) ?? 1)) ** 2,
        0,
      );
    const best = folds.reduce((least, fold) => {
      const difference = crowd(fold) - crowd(least);
      return difference < -1e-12 || (difference < 1e-12 && fold.volumes < least.volumes) ? fold : least;
    });
    best.units.push(unit);
    best.volumes += unit.ids.length;
    for (const [label, count] of unit.labels) best.labels.set(label, (best.labels.get(label) ?? 0) + count);
  }
  return folds.map((fold) => fold.units);
}

function rareClasses(dataset: Dataset, units: readonly Unit[], folds: number): string[] {
  return dataset.info.classes.flatMap((name, label) => {
    const count = units.filter(({ labels }) => labels.has(label)).length;
    if (count >= folds) return [];
    return [`class ${label} (${name}) has ${count} ${count === 1 ? "subject" : "subjects"}: not in each of ${folds} folds`]; // prettier-ignore
  });
}
