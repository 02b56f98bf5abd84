/**
 * Ablation: variants of one configuration, trained under one split with the same seeds, and compared in one table.
 * Everything is kept in its folder: killed at any moment, the next call goes on.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { backgroundOf, type BackgroundOptions } from "../background.js";
import { writeFileAtomic } from "../data/atomic.js";
import { FolderLock } from "../data/lock.js";
import { openDataset } from "../data/store.js";
import { compareRepeated, type RepeatedComparison, type Repeats } from "../evaluate/compare/repeated.js";
import { ensembleOf } from "../evaluate/group/ensemble.js";
import { predictRun } from "../evaluate/predict-run.js";
import { readPredictions, writePredictions, type Predictions } from "../evaluate/predictions.js";
import { readTrainingRows } from "../evaluate/training-rows.js";
import { readRecord, RunError, runPaths } from "../run/folder.js";
import { splitsOf } from "../train/split-for.js";
import { goOn, train } from "../train/train.js";
import { loadAblation, type Ablation, type Variant } from "./file.js";
import { stepsOf, type Step } from "./steps.js";
import { ablationTable } from "./table.js";

export interface AblateOptions extends BackgroundOptions {
  /** The ablation's file. */
  file: string;
  /** Folder of a prepared data set; its split, or all of its folds, are used. */
  data: string;
  /** Folder of the runs and of the table. */
  out: string;
  /** Which part the table is about. Choose on val; read test once. Default val. */
  part?: "val" | "test";
  command?: string;
}

export interface AblateResult {
  status: "finished" | "stopped";
  /** In Markdown. */
  table: string;
  comparison: RepeatedComparison | null;
  /** Files that were written. */
  files: { table: string; results: string; predictions: string } | null;
}

/** Beside the variants: models that look at no slice. */
const BASELINES = ["majority", "shortcut"];

/**
 * An abort of the signal ends after the current step of training, with status "stopped"; the same call goes on from there.
 * @throws ConfigError, RunError, DatasetError, SplitError, LockedError, and what training and prediction throw
 */
export async function ablate(options: AblateOptions): Promise<AblateResult> {
  const { part = "val", command = "ablate() of @slicestack/pipeline", onLog } = options;
  const ablation = loadAblation(options.file);
  const dataset = openDataset(options.data);
  const [out, data] = [resolve(options.out), resolve(options.data)];
  const splits = splitsOf(dataset, ablation.variants[0]!.config);
  const steps = stepsOf(ablation, splits, out);
  mkdirSync(out, { recursive: true });
  using _lock = FolderLock.take(out);
  for (const [k, step] of steps.entries()) {
    onLog?.(`${k + 1}/${steps.length}  ${nameOf(step)}`);
    const { status } = await trainStep(step, data, command, options);
    if (status === "stopped") return { status, table: "", comparison: null, files: null };
  }
  // Test is not read before every training is done: nothing that comes later can learn from it.
  const found: { step: Step; all: Predictions[] }[] = [];
  for (const step of steps) found.push({ step, all: await predictionsOf(step, part, options) });

  const methods = methodsOf(ablation, found);
  const first = ablation.variants[0]!.config;
  const classes = readRecord(steps[0]!.run).classes;
  const comparison = compareRepeated(methods, ablation.metrics, {
    classes,
    ordinal: classes.length > 2,
    seed: first.seed,
    reference: ablation.main,
  });
  const costs = ablation.variants.map(({ name }) => costOf(steps.filter(({ variant }) => variant.name === name)));
  const facts = { ablation, part, dataset: dataset.info, splits, comparison, command };
  const table = ablationTable({ ...facts, minutes: costs });
  const files = {
    table: join(out, `${part}.md`),
    results: join(out, `${part}.json`),
    predictions: join(out, `${part}-predictions.csv`),
  };
  writePredictions(files.predictions, methods.flatMap(({ name, seeds }) => seeds.map((one, k) => ({ ...one, model: `${name}#${k}` })))); // prettier-ignore
  writeFileAtomic(files.results, `${JSON.stringify({ part, splits: splits.map(({ hash }) => hash), dataset: dataset.info.hash, seeds: ablation.seeds, comparison, minutes: costs }, null, 2)}\n`); // prettier-ignore
  writeFileAtomic(files.table, table);
  return { status: "finished", table, comparison, files };
}

const nameOf = ({ variant, seed, fold }: Step): string =>
  `${variant.name}, seed ${seed}${fold === null ? "" : `, fold ${fold}`}`;

/** Trains what is not trained yet. */
async function trainStep(
  { run, config, split, sliceFrom }: Step,
  data: string,
  command: string,
  options: AblateOptions,
): Promise<{ status: "finished" | "stopped" }> {
  const begun = existsSync(runPaths(run).record);
  if (begun) {
    const record = readRecord(run);
    if (record.splitHash !== split.hash)
      throw new RunError(run, "was trained on another split than the data set has now", "Take another --out.");
    if (record.status === "trained") {
      goOn(run, { data, config })(); // refuses a file that has changed
      return { status: "finished" };
    }
  }
  return await train({
    ...backgroundOf(options),
    config,
    data,
    out: run,
    split,
    command,
    resume: begun,
    ...(sliceFrom === null || begun ? {} : { sliceFrom }),
  });
}

/** Of a run on the part, kept beside it: test is read once a run. */
async function predictionsOf({ run }: Step, part: "val" | "test", options: AblateOptions): Promise<Predictions[]> {
  const file = join(run, `ablation-${part}.csv`);
  if (!existsSync(file)) {
    const { command } = options;
    const { all, main } = await predictRun(run, part, { ...backgroundOf(options), ...(command !== undefined && { command }) }); // prettier-ignore
    const baselines = all.filter(({ model }) => BASELINES.includes(model));
    writePredictions(file, [...baselines, { ...main, model: "main" }]);
  }
  return readPredictions(file);
}

/** The variants and the baselines, of each seed what all folds say together. */
function methodsOf({ variants, seeds }: Ablation, found: readonly { step: Step; all: Predictions[] }[]): Repeats[] {
  const together = (variant: Variant, seed: number) =>
    ensembleOf(found.filter(({ step }) => step.variant === variant && step.seed === seed).map(({ all }) => all));
  const methods = variants.map((variant) => ({ variant, seeds: seeds.map((seed) => together(variant, seed)) }));
  const named = (all: readonly Predictions[], model: string, name: string): Predictions => ({
    ...all.find((one) => one.model === model)!,
    model: name,
  });
  return [
    ...methods.map(({ variant: { name }, seeds: own }) => ({
      name,
      seeds: own.map((all) => named(all, "main", name)),
    })),
    // They have no seed.
    ...BASELINES.map((name) => ({ name, seeds: [named(methods[0]!.seeds[0]!, name, name)] })),
  ];
}

/** Minutes of training, mean over the runs; a slice stage that came from another run counts, as it would have been needed. */
function costOf(steps: readonly Step[]): number {
  const seconds = steps.map(({ run }) => {
    const file = runPaths(run).metrics;
    return readTrainingRows(file).reduce((sum, row) => sum + row.seconds, 0);
  });
  return seconds.reduce((sum, one) => sum + one, 0) / seconds.length / 60;
}
