/** A training of a list, and the files through which its process learns what to do and reports how it ended. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { makeFolder } from "../../data/make-folder.js";
import { loadConfig } from "../../config/load.js";
import { usePlugins } from "../../config/plugins.js";
import type { RunConfig } from "../../config/types.js";
import { writeFileAtomic } from "../../data/atomic.js";
import { sha256Of } from "../../data/sealed-json.js";
import { readSplit, splitText, type Split } from "../../data/split/split.js";
import { runPaths } from "../../run/folder.js";
import { storedConfig } from "../../run/stored-config.js";
import type { TrainOptions, TrainResult } from "../../tasks/train.js";

/** A run of a list of trainings: started, or resumed if its folder exists. */
export interface Training extends Pick<TrainOptions, "config" | "data" | "stage" | "keepStates" | "command"> {
  /** Names it in the list, e.g. "2D, seed 0". */
  name: string;
  /** The run folder. */
  run: string;
  /** Absent in processes of a joint training that manage no folder. */
  split: Split | undefined;
  /** The run whose slice stage it takes: of an earlier training of the list, or finished before; null to train its own. */
  sliceFrom: string | null;
}

/** What train() is asked for, now that the run folder exists or not. */
export function optionsOf({
  name: _,
  run,
  split,
  sliceFrom,
  stage,
  keepStates,
  command,
  ...rest
}: Training): TrainOptions {
  const resume = existsSync(runPaths(run).record);
  return {
    ...rest,
    out: run,
    resume,
    ...(split === undefined ? {} : { split }),
    ...(sliceFrom === null || resume ? {} : { sliceFrom }),
    ...(stage === undefined ? {} : { stage }),
    ...(keepStates === undefined ? {} : { keepStates }),
    ...(command === undefined ? {} : { command }),
  };
}

export interface TrainingFiles {
  folder: string;
  config: string;
  split: string;
  record: string;
  log: string;
  /** The best scores, written when it has finished. */
  outcome: string;
}

export function trainingFiles(root: string, key: string): TrainingFiles {
  const folder = join(root, key);
  const at = (name: string) => join(folder, name);
  return {
    folder,
    config: at("config.yaml"),
    split: at("split.json"),
    record: at("training.json"),
    log: at("log.txt"),
    outcome: at("outcome.json"),
  };
}

/** The same for the same training in another call; different if anything that it is asked for differs. */
export function keyOf(training: Training): string {
  const { config, split, command: _, ...rest } = training;
  return sha256Of(JSON.stringify([rest, storedConfig(config, training.run), split?.hash ?? null])).slice(
    0,
    16,
  );
}

/** What is written as JSON; the configuration and the split have files of their own. */
interface TrainingRecord extends Omit<Training, "config" | "split"> {
  maxThreads: number;
}

/** Written before its process starts. */
export function writeTraining(
  files: TrainingFiles,
  { config, split, ...rest }: Training,
  maxThreads: number,
): void {
  makeFolder(files.folder);
  writeFileAtomic(files.config, storedConfig(config, files.folder));
  if (split !== undefined) writeFileAtomic(files.split, splitText(split));
  const record: TrainingRecord = { ...rest, maxThreads };
  writeFileAtomic(files.record, JSON.stringify(record));
}

/** In the process that trains it. */
export async function readTraining(
  files: TrainingFiles,
): Promise<{ training: Training; maxThreads: number }> {
  const { maxThreads, ...rest } = JSON.parse(readFileSync(files.record, "utf8")) as TrainingRecord;
  await usePlugins({ file: files.config });
  const config: RunConfig = loadConfig({ file: files.config, isStored: true });
  const split = existsSync(files.split) ? readSplit(files.split) : undefined;
  return { training: { ...rest, config, split }, maxThreads };
}

export type TrainingOutcome = Pick<TrainResult, "best">;

export const writeOutcome = ({ outcome }: TrainingFiles, { best }: TrainingOutcome): void =>
  writeFileAtomic(outcome, JSON.stringify({ best }));

/** @returns null if it has not finished */
export const readOutcome = ({ outcome }: TrainingFiles): TrainingOutcome | null =>
  existsSync(outcome) ? (JSON.parse(readFileSync(outcome, "utf8")) as TrainingOutcome) : null;
