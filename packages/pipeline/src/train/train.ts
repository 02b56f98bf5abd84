/** Starts or goes on with a run: its folder on this thread, the training in a worker. */
import { existsSync, mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { runInBackground, type BackgroundOptions } from "../background.js";
import { configDifferences, configToYaml } from "../config/to-yaml.js";
import type { RunConfig } from "../config/types.js";
import { writeFileAtomic } from "../data/atomic.js";
import { makeSplit } from "../data/split/holdout.js";
import { checkSplit, readSplit, type Split } from "../data/split/split.js";
import { openDataset, type Dataset } from "../data/store.js";
import { taskOf } from "../data/task.js";
import { findPretrained } from "../models/pretrained.js";
import { trunkDepth } from "../models/registry.js";
import { RunError, runPaths, writeRecord } from "../run/folder.js";
import { openRun } from "../run/open.js";
import { softwareVersions } from "../run/versions.js";
import type { TrainJob, TrainOutcome } from "./worker.js";

export interface TrainOptions extends BackgroundOptions {
  config: RunConfig;
  /** Folder of a prepared data set. */
  data: string;
  /** Run folder: made here, or gone on in with `resume`, which needs the configuration that it began with. */
  out: string;
  /** Default all. */
  stage?: "slice" | "volume" | "all";
  resume?: boolean;
  /** The command that the report shows. */
  command?: string;
}

export interface TrainResult extends TrainOutcome {
  /** The run folder. */
  run: string;
}

/**
 * Trains the slice stage, embeds, trains the volume stage. An abort of the signal ends after the current step,
 * with everything saved and status "stopped".
 * @throws RunError, DatasetError, SplitError, ConfigError, CheckpointError, DownloadError, LibtorchNotFoundError, EngineError
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { config, data, stage = "all", resume = false, onProgress, signal } = options;
  const run = resolve(options.out);
  const background = {
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  };
  // Weights that cannot be had leave no run behind.
  const isBegun = stage === "volume" || (resume && existsSync(runPaths(run).state("slice")));
  const pretrained = isBegun ? null : await pretrainedFile(config, background);
  if (resume) goOn(run, data, config);
  else startRun(run, openDataset(data), config, options.command ?? "train() of @slicestack/pipeline");
  const job: TrainJob = { run, data: resolve(data), stage, resume, pretrained };
  const outcome = await runInBackground<TrainJob, TrainOutcome>(
    new URL("./worker.js", import.meta.url),
    job,
    background,
  );
  return { run, ...outcome };
}

/** The file that the trunk starts from, downloaded where it has to be. */
async function pretrainedFile({ slice }: RunConfig, options: BackgroundOptions): Promise<string | null> {
  return slice.pretrained === null ? null : findPretrained(slice.pretrained, trunkDepth(slice.model), options);
}

/** A run goes on as it began: one that changed on the way would have no configuration to report. Its data set may have moved. */
function goOn(run: string, data: string, config: RunConfig): void {
  const { config: begun, record, dataset } = openRun(run, data);
  const changed = configDifferences(begun, { ...config, relaunch: begun.relaunch });
  if (changed.length > 0) {
    throw new RunError(
      run,
      `began with another configuration (${changed.join("; ")})`,
      "Go on without these settings, or train a new run with another --out.",
    );
  }
  const { directory } = dataset;
  if (record.dataset.directory !== directory)
    writeRecord(run, { ...record, dataset: { ...record.dataset, directory } });
}

function startRun(run: string, dataset: Dataset, config: RunConfig, command: string): void {
  const paths = runPaths(run);
  if (existsSync(paths.record)) {
    throw new RunError(
      run,
      "is a run already",
      `Go on with: slicestack train --resume ${run}   or choose another --out.`,
    );
  }
  const split = splitFor(dataset, config);
  const { classes, parts } = taskOf(config, dataset, split);
  for (const [part, volumes] of Object.entries(parts)) {
    if (volumes.length === 0)
      throw new RunError(run, `the ${part} part has no volume of this task`, "Split again, or include more classes.");
  }
  mkdirSync(run, { recursive: true });
  writeFileAtomic(paths.config, configToYaml(config));
  writeFileAtomic(paths.split, `${JSON.stringify(split, null, 2)}\n`);
  writeRecord(run, {
    version: 1,
    dataset: { directory: dataset.directory, name: dataset.info.name, hash: dataset.info.hash },
    splitHash: split.hash,
    created: new Date().toISOString(),
    status: "training",
    command,
    classes: classes.names,
    versions: softwareVersions(),
    environment: {},
    testReads: 0,
  });
}

/** The data set's own split where `slicestack split` made one; else one by the config. */
function splitFor(dataset: Dataset, config: RunConfig): Split {
  const file = `${dataset.directory}/split.json`;
  if (!existsSync(file)) return makeSplit(dataset, config.split);
  const split = readSplit(file);
  checkSplit(split, dataset);
  return split;
}
