/** What a run works on: data set, split and task, checked against one another. */
import { existsSync } from "node:fs";
import { pathWord } from "../command-line.js";
import { stagesOf } from "../config/stages.js";
import type { RunConfig } from "../config/types.js";
import { openDataset, type Dataset } from "../data/store.js";
import { checkSplit, readSplit, type Split } from "../data/split/split.js";
import { taskOf, type Task } from "../data/task.js";
import { findDataset, isMoved, placeOf } from "./place.js";
import { readRecord, readRunConfig, RunError, runPaths, writeRecord, type RunRecord } from "./folder.js";

export interface OpenRun {
  config: RunConfig;
  record: RunRecord;
  dataset: Dataset;
  split: Split;
  task: Task;
}

/**
 * @param data where the data set is now, if it was moved
 * @throws RunError, DatasetError, SplitError where run, data and split do not belong together
 */
export function openRun(run: string, data?: string): OpenRun {
  const record = readRecord(run);
  if (record.dataset === null)
    throw new RunError(
      run,
      "is an imported checkpoint, without a data set of its own",
      `Score it: slicestack evaluate ${pathWord(run)} --data DATA. To train on from its weights: init_from: ${run}.`,
    );
  const config = readRunConfig(run);
  const dataset = openDataset(data ?? findDataset(run, record.dataset));
  if (dataset.info.hash !== record.dataset.hash) {
    throw new RunError(
      run,
      `was started on data set ${record.dataset.hash.slice(0, 12)}, ${dataset.directory} is ${dataset.info.hash.slice(0, 12)}`,
      "Give the data set of the run with --data, or start a new run.",
    );
  }
  const split = readSplit(runPaths(run).split, { remedy: "Put the old file back, or train a new run." });
  checkSplit(split, dataset);
  if (split.hash !== record.splitHash)
    throw new RunError(runPaths(run).split, "is not the split the run was started with", "Put the old one back.");
  return { config, record, dataset, split, task: taskOf(config, dataset, split) };
}

/** A run keeps in mind where its data set is now. */
export function keepPlace(run: string, { record, dataset }: Pick<OpenRun, "record" | "dataset">): void {
  const place = placeOf(run, dataset);
  if (record.dataset === null || JSON.stringify(record.dataset) === JSON.stringify(place)) return;
  writeRecord(run, { ...readRecord(run), dataset: place }); // not as it was read: that may be minutes ago
}

/** Takes up the folder where the run's own data set is now. @returns false where it is another data set, or one whose place is known */
export function takeMovedData(run: string, data: string): boolean {
  const { dataset } = readRecord(run);
  if (dataset === null || !isMoved(run, dataset, data)) return false;
  keepPlace(run, openRun(run, data));
  return true;
}

/** @throws RunError where a stage has no weights yet: nothing can be decided with the run */
export function checkTrained({ config }: OpenRun, run: string): void {
  for (const stage of stagesOf(config)) {
    const file = runPaths(run).best(stage);
    if (!existsSync(file))
      throw new RunError(
        file,
        `the ${stage} stage is not trained`,
        `Go on with: slicestack train --resume ${pathWord(run)}`,
      );
  }
}
