import { existsSync } from "node:fs";
import { pathWord } from "../command-line.js";
import type { RunConfig } from "../config/types.js";
import { SplitError } from "../data/errors.js";
import { makeSplit } from "../data/split/holdout.js";
import { checkSplit, readSplits, splitPath, type Split } from "../data/split/split.js";
import type { Dataset } from "../data/store.js";

/** The splits that `slicestack split` wrote for a data set (one, or the folds of a cross-validation), or one split by the configuration. */
export function splitsOf(dataset: Dataset, config: Pick<RunConfig, "split">): Split[] {
  const file = splitPath(dataset);
  const splits = existsSync(file) ? readSplits(file) : [makeSplit(dataset, config.split)];
  for (const split of splits) checkSplit(split, dataset);
  return splits;
}

/** @param fold counted from 0; needed if there are several   @throws SplitError */
export function splitFor(dataset: Dataset, config: Pick<RunConfig, "split">, fold?: number): Split {
  const splits = splitsOf(dataset, config);
  const [only] = splits;
  if (fold === undefined && splits.length === 1) return only!;
  const chosen =
    fold === undefined || (splits.length === 1 && only!.fold === null) ? undefined : splits[fold];
  if (chosen !== undefined) return chosen;
  if (splits.length === 1) throw noFolds(dataset, fold!);
  throw new SplitError(
    `${splitPath(dataset)}: has ${splits.length} folds, ${fold === undefined ? "but none was chosen" : `but fold ${fold} was requested`}`,
    `Choose one with --fold 0 to ${splits.length - 1}, or pass --fold all.`,
  );
}

/** The folds of a cross-validation. @throws SplitError if the data set has none, with the command that creates them */
export function foldsOf(dataset: Dataset, fold: number | "all"): Split[] {
  const file = splitPath(dataset);
  const splits = existsSync(file) ? readSplits(file) : [];
  if (!splits.some((split) => split.fold !== null)) throw noFolds(dataset, fold);
  for (const split of splits) checkSplit(split, dataset);
  return splits;
}

function noFolds(dataset: Dataset, fold: number | "all"): SplitError {
  const file = splitPath(dataset);
  const there = existsSync(file);
  const command = `slicestack split ${pathWord(dataset.directory)} --folds 5${there ? " --overwrite" : ""}`;
  const problem = `${file}: ${there ? "is one split" : "not found"}, --fold ${fold} needs folds`;
  return new SplitError(problem, `To create them: ${command}   Otherwise leave out --fold.`);
}
