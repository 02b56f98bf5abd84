/**
 * The work of a trial's process, whatever its runner: trains one configuration on one split, and scores it on
 * validation.
 */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { loadConfig } from "../config/load.js";
import { usePlugins } from "../config/plugins.js";
import { decidingSection } from "../config/stages.js";
import type { RunConfig } from "../config/types.js";
import { openDataset } from "../data/store.js";
import { taskOptionsOf, type TaskOptions } from "../engine/task-options.js";
import { predictRun } from "../evaluate/predict-run.js";
import { writePredictions } from "../evaluate/predictions.js";
import { readRecord, readRunConfig, RunError, runPaths } from "../run/folder.js";
import { findDataset } from "../run/dataset-location.js";
import { readTrainingRows } from "../run/training-rows.js";
import { train, type TrainOptions } from "../tasks/train.js";
import { isFinished } from "../train/checkpoint.js";
import { splitFor } from "../train/choose-split.js";
import { SweepError } from "./errors.js";
import { metricsOf } from "./objective.js";
import { loadSweepFile } from "./sweep-file.js";
import { sweepPaths } from "./sweep-folder.js";
import { readSweepRecord, type SweepRecord } from "./sweep-record.js";
import { clearFailure, writeFailure } from "./trial-failure.js";
import { readTrial } from "./trial-record.js";
import { readResult, writeResult, type TrialResult } from "./trial-result.js";
import { trialId, type Trial } from "./trial.js";

export interface RunTrialOptions extends TaskOptions {
  /**
   * slice: only the slice stage, for which other trials of the sweep wait; train: all stages, without the score.
   * Default: everything.
   */
  stage?: "slice" | "train" | "all";
  /** Id of a trial with the same slice stage, which is reused if it has been trained. */
  sliceFrom?: string;
  /** Factor for the configured number of pieces per batch, raised after memory has run out. Default 1. */
  pieces?: number;
  /** The most threads where the configuration leaves their number to the machine. */
  maxThreads?: number;
  /** Whether to take over the run folder from a process that cannot be checked from here. Default false. */
  takeOver?: boolean;
  command?: string;
}

export interface RunTrialResult {
  status: "finished" | "stopped";
  /** null if it was stopped or not scored. */
  result: TrialResult | null;
}

/**
 * Starts or continues the training of a trial, and writes its validation predictions and result.json. A finished trial
 * is left unchanged. On abort, it finishes the current step and saves everything.
 * @param folder trials/ID of a sweep
 * @throws SweepError, and what training and prediction throw; also recorded in failure.json in the folder
 */
export async function runTrial(folder: string, options: RunTrialOptions = {}): Promise<RunTrialResult> {
  const { sweep, trial } = readTrial(folder);
  const paths = sweepPaths(sweep).trial(trial.id);
  const before = readResult(paths.result);
  if (before !== null) return { status: "finished", result: before };
  clearFailure(paths.folder);
  try {
    return await trainAndScore(sweep, trial, options);
  } catch (error) {
    if (options.signal?.aborted === true && error === options.signal.reason)
      return { status: "stopped", result: null };
    writeFailure(paths.folder, error);
    throw error;
  }
}

async function trainAndScore(sweep: string, trial: Trial, options: RunTrialOptions): Promise<RunTrialResult> {
  const {
    stage = "all",
    command = "runTrial() of @slicestack/pipeline",
    takeOver = false,
    maxThreads,
  } = options;
  const paths = sweepPaths(sweep).trial(trial.id);
  const record = readSweepRecord(sweep);
  const data = findDataset(sweep, record.dataset);
  await usePlugins({ file: paths.config });
  const config = loadConfig({ file: paths.config, isStored: true });
  checkSplit(sweep, trial, { record, data, config });
  const started = Date.now();
  const start = startOf(sweep, trial, config, options);
  const limit = maxThreads === undefined ? {} : { maxThreads };
  const common = { data, out: paths.run, command, takeOver, ...limit, ...taskOptionsOf(options) };
  const fold = trial.fold === null ? {} : { fold: trial.fold };
  if (!(start.resume === true && isDone(paths.run, stage))) {
    const { status } = await train({
      ...common,
      ...fold,
      ...start,
      stage: stage === "slice" ? stage : "all",
    });
    if (status === "stopped") return { status, result: null };
  }
  if (stage !== "all") return { status: "finished", result: null };

  const { main } = await predictRun(paths.run, "val", { ...taskOptionsOf(options), command });
  writePredictions(paths.predictions, [main]);
  const metrics = metricsOf(main);
  const { objective } = loadSweepFile(sweepPaths(sweep).file);
  const result: TrialResult = {
    version: 1,
    status: "finished",
    objective: finite(metrics[objective]),
    metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, finite(value)])),
    epochs: readTrainingRows(runPaths(paths.run).metrics).length,
    seconds: (Date.now() - started) / 1000,
  };
  writeResult(paths.result, result);
  return { status: "finished", result };
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

const isDone = (run: string, stage: "slice" | "train" | "all"): boolean =>
  readRecord(run).status === "trained" || (stage === "slice" && isFinished(run, "slice"));

/** @throws SweepError if the split of the data set is not the one with which the sweep was started */
function checkSplit(
  sweep: string,
  { fold }: Trial,
  { record, data, config }: { record: SweepRecord; data: string; config: RunConfig },
): void {
  const dataset = openDataset(data);
  const split = splitFor(dataset, config, fold ?? undefined);
  if (record.splits.includes(split.hash)) return;
  throw new SweepError(
    sweep,
    "the split of its data set has changed since the sweep was started, so trials would not be comparable",
    "Restore the old split.json, or start a new sweep with another --out.",
  );
}

/** How the training starts: from scratch, from where it stopped, or with the slice stage of another trial. */
function startOf(
  sweep: string,
  trial: Trial,
  config: RunConfig,
  { sliceFrom, pieces = 1, stage = "all" }: RunTrialOptions,
): Pick<TrainOptions, "config" | "resume" | "overwrite" | "sliceFrom"> {
  const { run } = sweepPaths(sweep).trial(trial.id);
  if (existsSync(runPaths(run).record)) {
    const begun = readRunConfig(run);
    // A run is resumed with the number of pieces with which it was started; with more pieces it starts over.
    const isEnough = decidingSection(begun).accumulate >= pieces * decidingSection(config).accumulate;
    if (isEnough || readRecord(run).status === "trained") return { config: begun, resume: true };
    return { config: inPieces(config, pieces), overwrite: true };
  }
  const donor = sliceFrom === undefined ? null : sweepPaths(sweep).trial(idOf(sliceFrom)).run;
  const inMore = inPieces(config, pieces);
  const anew = { config: inMore, overwrite: existsSync(run) };
  if (donor === null || stage === "slice" || inMore.method === "3d" || !hasSliceStage(donor)) return anew;
  const donated = readRunConfig(donor);
  if (donated.method === "3d") return anew;
  const { accumulate } = donated.slice;
  return { ...anew, config: { ...inMore, slice: { ...inMore.slice, accumulate } }, sliceFrom: donor };
}

/** Of a trial by its number, with or without the zeros, or its folder. */
function idOf(trial: string): string {
  const name = basename(trial);
  return /^\d+$/.test(name) ? trialId(Number(name)) : name;
}

function hasSliceStage(run: string): boolean {
  try {
    return (
      existsSync(runPaths(run).record) && (readRecord(run).status === "trained" || isFinished(run, "slice"))
    );
  } catch (error) {
    if (error instanceof RunError) return false;
    throw error;
  }
}

function inPieces(config: RunConfig, pieces: number): RunConfig {
  const more = <S extends { accumulate: number }>(stage: S): S => ({
    ...stage,
    accumulate: pieces * stage.accumulate,
  });
  if (config.method === "3d") return { ...config, network: more(config.network) };
  if (config.method === "2d") return { ...config, slice: more(config.slice) };
  return { ...config, slice: more(config.slice), head: more(config.head), fineTune: more(config.fineTune) };
}
