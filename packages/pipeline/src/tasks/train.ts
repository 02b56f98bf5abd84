/** Starts or resumes a run: this thread manages its folder, a worker trains. */

import { resolve } from "node:path";
import { makeFolder } from "../data/make-folder.js";
import { pathWord } from "../command-line.js";
import { runJob } from "../engine/session.js";
import { taskOptionsOf, type TaskOptions } from "../engine/task-options.js";
import { checkOrdinal } from "../config/classes.js";
import { ConfigError } from "../config/errors.js";
import { loadPlugins } from "../config/plugins.js";
import { stagesOf, type StageName } from "../config/stages.js";
import { configDifferences } from "../config/to-yaml.js";
import type { RunConfig } from "../config/types.js";
import { removeTemporaries, writeFileAtomic } from "../data/atomic.js";
import { FolderLock } from "../data/lock.js";
import { claimFolder } from "../data/owned-folder.js";
import { sha256Of } from "../data/sealed-json.js";
import { foldNumber, splitText, type Split } from "../data/split/split.js";
import { openDataset, type Dataset } from "../data/store.js";
import { taskOf, type Task } from "../data/task.js";
import { findPretrained } from "../models/pretrained.js";
import { trunkDepth } from "../models/create-by-name.js";
import { specOfTraining } from "../models/spec-of-training.js";
import { usePluginsOf, writeSpec } from "../models/spec-file.js";
import { recordedMetrics } from "../run/epoch-selection.js";
import { appendLog, readRecord, RunError, runPaths, SLICE_STAGE_OF, writeRecord } from "../run/folder.js";
import { addChecksums, checkFile, isTrainingFile, suspendChecksums } from "../run/checksums.js";
import { checkCache } from "../run/cache-folder.js";
import { emptyFolder, refuseIrreplaceable, refuseTaken } from "../run/replace-folder.js";
import { recordLocation, openRun } from "../run/open-run.js";
import { verifyOnce } from "../run/verify-once.js";
import { locationOf } from "../run/dataset-location.js";
import { softwareVersions } from "../run/software-versions.js";
import { resolveWindow, withWindowOf } from "../run/default-window.js";
import { storedConfig } from "../run/stored-config.js";
import { isBegun, isFinished } from "../train/checkpoint.js";
import type { StartCheck } from "../train/check-start.js";
import { classWarnings } from "../train/class-warnings.js";
import { checkInitFrom, initModelsOf, type InitModel } from "../train/init-from.js";
import type { EpochRow } from "../train/metrics-log.js";
import { movedOr } from "../train/moved-error.js";
import { planSliceStage } from "../train/slice-from.js";
import { logEpochs } from "../train/log/wandb.js";
import { splitFor } from "../train/choose-split.js";
import { checkStages } from "../train/stage-checks.js";
import type { TrainJob, TrainOutcome } from "../train/train-job.js";
import { alone, type World } from "../train/world.js";

export interface TrainOptions extends TaskOptions {
  config: RunConfig;
  /** Folder of a prepared data set. */
  data: string;
  /** The run folder: created here, or continued with `resume`, which needs the configuration that the run began with. */
  out: string;
  /** Default all. */
  stage?: StageName | "all";
  resume?: boolean;
  /** Which fold of the data set's split, counted from 0; needed if the split has several. */
  fold?: number;
  /** A finished run with the same slice stage, on these training volumes or more: it is reused instead of being trained again. */
  sliceFrom?: string;
  /** A split that replaces that of the data set. */
  split?: Split;
  /** The processes that train together (resolveWorld); the first one manages the folder. Default: this process alone. */
  world?: World;
  /**
   * Replaces the run or group in the folder once all checks have passed. Default false: it is refused.
   * A folder that holds anything else is never replaced.
   */
  overwrite?: boolean;
  /** Keeps the states of finished stages for inspection; they take three times the space of the weights. */
  keepStates?: boolean;
  /** Takes the folder over from a process that cannot be seen from here, such as on a lost node. Default false. */
  takeOver?: boolean;
  /** The most threads where the configuration leaves their number to the machine, which other trainings share. */
  maxThreads?: number;
  /** Seconds between checkpoints within an epoch; default 600. */
  saveSeconds?: number;
  /** Called when the run folder exists and training begins, after all checks. */
  onBegin?: () => void;
  /** Called with the metrics.jsonl row of each epoch. */
  onEpoch?: (row: EpochRow) => void;
  /** The command that the report shows. */
  command?: string;
}

export interface TrainResult extends TrainOutcome {
  /** The run folder. */
  run: string;
}

/**
 * Trains the stages of the configuration's method. An abort of the signal ends after the current step, with everything
 * saved and status "stopped".
 * @throws RunError, FolderError, DatasetError, SplitError, ConfigError, ModelError, CheckpointError, DownloadError, LockedError (another
 * process trains there), LibtorchNotFoundError, EngineError, OutOfMemoryError, DistributedError
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const {
    config,
    data,
    stage = "all",
    resume = false,
    world = alone,
    onEpoch,
    saveSeconds,
    keepStates,
    takeOver = false,
    maxThreads,
  } = options;
  const run = resolve(options.out);
  await loadPlugins(config.plugins.map((file) => ({ file })));
  if (resume) await usePluginsOf(run);
  checkStage(config, stage, !resume && options.sliceFrom === undefined);
  const isFirst = world.rank === 0;
  const job: TrainJob = {
    run,
    data: resolve(data),
    stage,
    resume,
    pretrained: null,
    initFrom: resume && isPastStarts(run, config) ? null : await initModelsOf(config),
    world,
    compute: { ...config, threads: config.threads === "auto" ? (maxThreads ?? "auto") : config.threads },
    saveSeconds,
    keepStates,
  };
  if (!isFirst) return { run, ...(await inWorker(job, options)) };

  // If weights cannot be downloaded, no run is created.
  const hasSliceStage =
    options.sliceFrom !== undefined || (resume && (isBegun(run, "slice") || isTaken(run)));
  const needsNone = hasSliceStage || stage === "volume" || stage === "fine_tune";
  const pretrained = needsNone ? null : await pretrainedFile(config, taskOptionsOf(options));
  const dataset = openDataset(data);
  const begin = resume
    ? checkResume(run, options)
    : await planRun(run, dataset, options, { pretrained, initFrom: job.initFrom });
  if (resume) checkEarlierStages(run, config, stage);
  checkCache();
  await verifyUnlessStopped(dataset, options);
  makeFolder(run);
  using _lock = FolderLock.take(run, { takeOver });
  removeTemporaries(run);
  let restoreChecksums: (() => void) | null = null;
  try {
    begin();
    restoreChecksums = suspendChecksums(run, isTrainingFile);
    options.onBegin?.();
    const logged = { ...options, onLog: (line: string) => (appendLog(run, line), options.onLog?.(line)) };
    await using epochs = logEpochs(config, logged.onLog);
    const onRow = (row: EpochRow) => (epochs.row(row), onEpoch?.(row));
    const outcome = await inWorker({ ...job, pretrained }, logged, onRow);
    addChecksums(run);
    return { run, ...outcome };
  } catch (error) {
    noteEnd(run, restoreChecksums);
    throw restoreChecksums === null ? error : movedOr(error, runPaths(run).record);
  }
}

/** A training that fails keeps what was saved, as a stopped one does. */
function noteEnd(run: string, restoreChecksums: (() => void) | null): void {
  try {
    restoreChecksums?.();
    const record = readRecord(run);
    if (record.status === "training") writeRecord(run, { ...record, status: "stopped" });
  } catch {
    // The disk may be full: the earlier error tells more.
  }
}

/** A stop during verification leaves a run that can be resumed, as any other stop; resuming verifies again. */
async function verifyUnlessStopped(dataset: Dataset, options: TrainOptions): Promise<void> {
  try {
    await verifyOnce(dataset, taskOptionsOf(options));
  } catch (error) {
    if (options.signal?.aborted !== true || error !== options.signal.reason) throw error;
  }
}

/** @throws RunError if a part of the split is empty, and the errors of checkStages */
export function checkedTask(
  run: string,
  config: RunConfig,
  dataset: Dataset,
  split: Split,
  worldSize: number,
): Task {
  const task = taskOf(config, dataset, split);
  checkOrdinal(config, task.classes, stagesOf(config));
  for (const [part, volumes] of Object.entries(task.parts)) {
    if (volumes.length === 0)
      throw new RunError(
        run,
        `the ${part} set has no volume of this task`,
        "Split again, or include more classes.",
      );
  }
  checkStages(config, dataset, task, worldSize);
  return task;
}

/** A stage begins with the best weights of earlier stages, which change until these are finished. @throws RunError */
function checkEarlierStages(run: string, config: RunConfig, stage: StageName | "all"): void {
  const stages = stagesOf(config);
  const earlier = stages.slice(0, Math.max(0, stages.indexOf(stage as StageName)));
  const open = earlier.find((name) => !isFinished(run, name) && !(name === "slice" && isTaken(run)));
  if (open === undefined) return;
  const problem = `its ${open} stage is not finished, and the ${stage} stage needs its weights`;
  throw new RunError(
    run,
    problem,
    `To continue: slicestack train --resume ${pathWord(run)}   (with --stage ${open}, only that stage)`,
  );
}

/** Runs in a worker, because the engine only computes in workers. @throws as checkStart */
export async function checkStarts(check: StartCheck): Promise<void> {
  await runJob<StartCheck, null>(new URL("../train/check-job.js", import.meta.url), check, {});
}

/** Whether the run began with another run's slice stage. */
const isTaken = (run: string): boolean => SLICE_STAGE_OF in readRecord(run).environment;

function inWorker(
  job: TrainJob,
  options: TaskOptions,
  onEpoch?: TrainOptions["onEpoch"],
): Promise<TrainOutcome> {
  return runJob<TrainJob, TrainOutcome>(new URL("../train/train-job.js", import.meta.url), job, {
    ...taskOptionsOf(options),
    ...(onEpoch === undefined ? {} : { onEvent: (row) => onEpoch(row as EpochRow) }),
  });
}

/** @param isNew whether nothing is trained yet   @throws ConfigError */
export function checkStage(config: RunConfig, stage: StageName | "all", isNew = false): void {
  const stages = stagesOf(config);
  if (isNew && stage !== "all" && stages.indexOf(stage) > 0) {
    const message = `--stage ${stage}: expected a run whose ${stages[stages.indexOf(stage) - 1]} stage is trained; give it with --resume RUN, or leave --stage out`;
    throw new ConfigError([{ key: "stage", message }]);
  }
  if (stage === "all" || stages.includes(stage)) return;
  const has = stages.length === 1 ? `the stage ${stages[0]}` : `the stages ${stages.join(", ")}`;
  throw new ConfigError([
    { key: "method", message: `method: ${config.method} has ${has} here, not ${stage}` },
  ]);
}

/** Whether no stage needs the weights of init_from any more, so that they may be gone. */
const isPastStarts = (run: string, config: RunConfig): boolean =>
  stagesOf(config).every(
    (stage) => stage === "fine_tune" || isBegun(run, stage) || (stage === "slice" && isTaken(run)),
  );

/** The weights file that the trunk starts from; it is downloaded if necessary. */
export async function pretrainedFile(config: RunConfig, options: TaskOptions): Promise<string | null> {
  if (config.method === "3d" || config.slice.pretrained === null) return null;
  return findPretrained(config.slice.pretrained, trunkDepth(config.slice.model.name), options);
}

/**
 * A run continues with the settings that it began with, so that the report can state them. Its data set may have moved.
 * @returns a function that records the new location   @throws RunError, DatasetError
 */
export function checkResume(
  run: string,
  { data, config, fold }: Pick<TrainOptions, "data" | "config" | "fold">,
): () => void {
  const opened = openRun(run, data);
  const { config: begun, split } = opened;
  const place = foldNumber(split);
  if (fold !== undefined && place !== fold)
    throw new RunError(
      run,
      `began ${place === null ? "without --fold" : `with --fold ${place}`}, received --fold ${fold}`,
      "A run keeps its split: leave --fold out, or train a new run with another --out.",
    );
  const changed = configDifferences(begun, { ...withWindowOf(begun, config), relaunch: begun.relaunch });
  if (changed.length > 0) {
    throw new RunError(
      run,
      `began with another configuration (${changed.join("; ")})`,
      "Continue without these settings, or train a new run with another --out.",
    );
  }
  const { metrics } = runPaths(run);
  checkFile(
    run,
    metrics,
    "Put the old file back, or remove it: the run then continues without the rows of earlier epochs.",
  );
  return () => recordLocation(run, opened);
}

/** Checks everything before anything is written. @returns a function that writes the run */
async function planRun(
  run: string,
  dataset: Dataset,
  options: TrainOptions,
  { pretrained, initFrom }: { pretrained: string | null; initFrom: readonly InitModel[] | null },
): Promise<() => void> {
  const { command = "train() of @slicestack/pipeline", overwrite = false, world = alone } = options;
  const paths = runPaths(run);
  const refuse = () => (overwrite ? refuseIrreplaceable(run, "run") : refuseTaken(run, "run"));
  refuse();
  checkInitFrom(options.config, initFrom);
  const split = options.split ?? splitFor(dataset, options.config, options.fold);
  const task = checkedTask(run, options.config, dataset, split, world.worldSize);
  const { classes, parts } = task;
  const { sliceFrom } = options;
  const { config, origin } = resolveWindow(options.config, dataset, parts.train, sliceFrom);
  const given = { split, datasetHash: dataset.info.hash };
  const sliceStage = sliceFrom === undefined ? undefined : planSliceStage(sliceFrom, config, given);
  const spec = specOfTraining({ config, dataset, task, split });
  await checkStarts({
    config,
    spec,
    dataset,
    split,
    trainsSlices: sliceFrom === undefined,
    pretrained,
    initFrom,
    world,
  });
  return () => {
    refuse(); // by now another process may have begun
    if (overwrite) emptyFolder(run);
    claimFolder(run, "run");
    sliceStage?.take(run);
    if (origin !== null)
      appendLog(run, `transform.window ${config.transform.window!.join(" to ")}: ${origin}`);
    const yaml = storedConfig(config, run);
    writeFileAtomic(paths.config, yaml);
    writeFileAtomic(paths.split, splitText(split));
    writeSpec(run, spec);
    writeRecord(run, {
      version: 1,
      dataset: locationOf(run, dataset),
      splitHash: split.hash,
      configSha256: sha256Of(yaml),
      created: new Date().toISOString(),
      status: "training",
      command,
      classes: classes.names,
      versions: softwareVersions(),
      environment: sliceStage?.environment ?? {},
      selectionMetrics: recordedMetrics(config),
      testReads: 0,
    });
    for (const warning of classWarnings(task)) {
      appendLog(run, warning);
      options.onLog?.(warning);
    }
  };
}
