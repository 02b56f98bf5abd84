/** Opens a run with its data set, split and task, and checks that they belong together. */
import { existsSync } from "node:fs";
import { pathWord } from "../command-line.js";
import { stagesOf } from "../config/stages.js";
import type { RunConfig } from "../config/types.js";
import { openDataset, type Dataset } from "../data/store.js";
import { checkSplit, readSplit, type Split } from "../data/split/split.js";
import { taskOf, type Task } from "../data/task.js";
import { findDataset, isMoved, locationOf } from "./dataset-location.js";
import { readRecord, readRunConfig, RunError, runPaths, writeRecord, type RunRecord } from "./folder.js";

export interface OpenRun {
  config: RunConfig;
  record: RunRecord;
  dataset: Dataset;
  split: Split;
  task: Task;
}

/**
 * @param data the folder of the data set, if it was moved
 * @throws RunError, DatasetError, SplitError if run, data and split do not belong together
 */
export function openRun(run: string, data?: string): OpenRun {
  const record = readRecord(run);
  if (record.dataset === null)
    throw new RunError(
      run,
      "is an imported checkpoint, which has no data set",
      `To score it: slicestack evaluate ${pathWord(run)} --data DATA. To train from its weights: init_from: ${run}.`,
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
    throw new RunError(
      runPaths(run).split,
      "is not the split that the run was started with",
      "Put the old one back.",
    );
  return { config, record, dataset, split, task: taskOf(config, dataset, split) };
}

/** Records the current location of the data set in the run. */
export function recordLocation(run: string, { record, dataset }: Pick<OpenRun, "record" | "dataset">): void {
  const location = locationOf(run, dataset);
  if (record.dataset === null || JSON.stringify(record.dataset) === JSON.stringify(location)) return;
  writeRecord(run, { ...readRecord(run), dataset: location }); // read again: the record in memory may be minutes old
}

/** Records the new folder of the run's data set. @returns false if it is another data set, or its location is already known */
export function takeMovedData(run: string, data: string): boolean {
  const { dataset } = readRecord(run);
  if (dataset === null || !isMoved(run, dataset, data)) return false;
  recordLocation(run, openRun(run, data));
  return true;
}

/** @throws RunError if a stage has no weights yet, so that the run cannot predict */
export function checkTrained({ config }: OpenRun, run: string): void {
  for (const stage of stagesOf(config)) {
    const file = runPaths(run).best(stage);
    if (!existsSync(file))
      throw new RunError(
        file,
        `the ${stage} stage is not trained`,
        `To continue: slicestack train --resume ${pathWord(run)}`,
      );
  }
}
