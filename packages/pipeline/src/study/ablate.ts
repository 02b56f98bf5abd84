/**
 * Ablation: variants of one configuration, trained under one split with the same seeds, and compared in one table.
 * Everything is kept in its folder: killed at any moment, the next call goes on.
 */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { writeFileAtomic } from "../data/atomic.js";
import { FolderLock } from "../data/lock.js";
import { openDataset } from "../data/store.js";
import { compareRepeated, type RepeatedComparison } from "../evaluate/compare/repeated.js";
import { writePredictions } from "../evaluate/predictions.js";
import { readRecord } from "../run/folder.js";
import { splitsOf } from "../train/split-for.js";
import { loadAblation } from "./file.js";
import { methodsOf, minutesOf, predictSteps, trainSteps, type StudyOptions } from "./runs.js";
import { stepsOf } from "./steps.js";
import { ablationTable } from "./table.js";

export type AblateOptions = StudyOptions;

export interface AblateResult {
  status: "finished" | "stopped";
  /** In Markdown. */
  table: string;
  comparison: RepeatedComparison | null;
  /** Files that were written. */
  files: { table: string; results: string; predictions: string } | null;
}

/**
 * An abort of the signal ends after the current step of training, with status "stopped"; the same call goes on from there.
 * @throws ConfigError, RunError, DatasetError, SplitError, LockedError, and what training and prediction throw
 */
export async function ablate(options: AblateOptions): Promise<AblateResult> {
  const { part = "val", command = "ablate() of @slicestack/pipeline" } = options;
  const ablation = loadAblation(options.file);
  const dataset = openDataset(options.data);
  const [out, data] = [resolve(options.out), resolve(options.data)];
  const splits = splitsOf(dataset, ablation.variants[0]!.config);
  const steps = stepsOf(ablation, dataset, splits, out);
  mkdirSync(out, { recursive: true });
  using _lock = FolderLock.take(out);
  const status = await trainSteps(steps, data, command, options);
  if (status === "stopped") return { status, table: "", comparison: null, files: null };
  const found = await predictSteps(steps, options);

  const methods = methodsOf(ablation, found);
  const first = ablation.variants[0]!.config;
  const classes = readRecord(steps[0]!.run).classes;
  const comparison = compareRepeated(methods, ablation.metrics, {
    classes,
    ordinal: classes.length > 2,
    seed: first.seed,
    reference: ablation.main,
  });
  const minutes = ablation.variants.map((variant) => minutesOf(steps.filter((step) => step.variant === variant)));
  const facts = { ablation, part, dataset: dataset.info, splits, comparison, command };
  const table = ablationTable({ ...facts, minutes });
  const files = {
    table: join(out, `${part}.md`),
    results: join(out, `${part}.json`),
    predictions: join(out, `${part}-predictions.csv`),
  };
  writePredictions(files.predictions, methods.flatMap(({ name, seeds }) => seeds.map((one, k) => ({ ...one, model: `${name}#${k}` })))); // prettier-ignore
  writeFileAtomic(files.results, `${JSON.stringify({ part, splits: splits.map(({ hash }) => hash), dataset: dataset.info.hash, seeds: ablation.seeds, comparison, minutes }, null, 2)}\n`); // prettier-ignore
  writeFileAtomic(files.table, table);
  return { status, table, comparison, files };
}
