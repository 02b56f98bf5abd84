/**
 * Ablation: variants of one configuration, trained under one split with the same seeds, and compared in one table.
 * Everything is kept in its folder: killed at any moment, the next call goes on.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { BackgroundOptions } from "../background.js";
import { writeFileAtomic } from "../data/atomic.js";
import { FolderLock } from "../data/lock.js";
import { openDataset } from "../data/store.js";
import { compareRepeated, type RepeatedComparison } from "../evaluate/compare/repeated.js";
import { predictRun } from "../evaluate/predict-run.js";
import { readPredictions, writePredictions, type Predictions } from "../evaluate/predictions.js";
import { readTrainingRows } from "../evaluate/training-rows.js";
import { readRecord, RunError, runPaths } from "../run/folder.js";
import { splitsOf } from "../train/split-for.js";
import { train } from "../train/train.js";
import { loadAblation, type Ablation } from "./file.js";
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
    // A changed file is refused by train(); a finished run with the same settings costs a look.
  }
  const { onProgress, signal, onLog } = options;
  const common = { ...(onProgress && { onProgress }), ...(signal && { signal }), ...(onLog && { onLog }) };
  return await train({
    ...common,
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
    const { onProgress, signal, command } = options;
    const { all, main } = await predictRun(run, part, {
      ...(command !== undefined && { command }),
      ...(onProgress && { onProgress }),
      ...(signal && { signal }),
    });
    const baselines = all.filter(({ model }) => BASELINES.includes(model));
    writePredictions(file, [...baselines, { ...main, model: "main" }]);
  }
  return readPredictions(file);
}

/** The variants and the baselines, of each seed the predictions of all folds together. */
function methodsOf({ variants, seeds }: Ablation, found: readonly { step: Step; all: Predictions[] }[]) {
  const of = (name: string, seed: number, model: string): Predictions => {
    const parts = found
      .filter(({ step }) => step.variant.name === name && step.seed === seed)
      .map(({ all }) => all.find((one) => one.model === model)!);
    return joined(parts, name);
  };
  const first = variants[0]!.name;
  return [
    ...variants.map(({ name }) => ({ name, seeds: seeds.map((seed) => of(name, seed, "main")) })),
    // They have no seed.
    ...BASELINES.map((model) => ({ name: model, seeds: [{ ...of(first, seeds[0]!, model), model }] })),
  ];
}

/** Predictions of the folds one after another; a volume that several folds predicted (repeats, a shared test part) gets the mean. */
function joined(folds: readonly Predictions[], model: string): Predictions {
  const first = folds[0]!;
  const rows = new Map<string, { subject: string; label: number; sum: number[]; count: number }>();
  for (const { ids, subjects, labels, probabilities } of folds) {
    ids.forEach((id, i) => {
      const row = rows.get(id) ?? { subject: subjects[i]!, label: labels[i]!, sum: probabilities[i]!.map(() => 0), count: 0 }; // prettier-ignore
      row.sum = row.sum.map((sum, c) => sum + probabilities[i]![c]!);
      row.count++;
      rows.set(id, row);
    });
  }
  const all = [...rows.values()];
  return {
    model,
    part: first.part,
    ids: [...rows.keys()],
    subjects: all.map(({ subject }) => subject),
    labels: all.map(({ label }) => label),
    probabilities: all.map(({ sum, count }) => sum.map((value) => value / count)),
  };
}

/** Minutes of training, mean over the runs; a slice stage that came from another run counts, as it would have been needed. */
function costOf(steps: readonly Step[]): number {
  const seconds = steps.map(({ run }) => {
    const file = runPaths(run).metrics;
    return readTrainingRows(file).reduce((sum, row) => sum + row.seconds, 0);
  });
  return seconds.reduce((sum, one) => sum + one, 0) / seconds.length / 60;
}
