/**
 * Ablation: variants of one configuration, trained under one split with the same seeds, and compared in one table.
 * Everything is kept in its folder: if it is killed, the next call continues.
 */
import { areOrdinal } from "../config/classes.js";
import { join, resolve } from "node:path";
import { FolderLock } from "../data/lock.js";
import { openDataset } from "../data/store.js";
import { inOneSession } from "../engine/session.js";
import { compareRepeated, type RepeatedComparison } from "../evaluate/compare/repeated.js";
import { readRecord } from "../run/folder.js";
import { splitsOf } from "../train/choose-split.js";
import { usePluginsOfStudy, loadAblation } from "./ablation-file.js";
import {
  claimStudy,
  methodsOf,
  minutesOf,
  predictSteps,
  trainSteps,
  type StudyOptions,
} from "./run-steps.js";
import { stepsOf } from "./study-steps.js";
import { ablationFigure } from "./ablation-figure.js";
import { terminalOf } from "../report/render-blocks.js";
import { writeStudy, type StudyFiles } from "./study-files.js";
import { ablationBlocks } from "./ablation-table.js";

export type AblateOptions = StudyOptions;

export interface AblateResult {
  status: "finished" | "stopped";
  /** The aligned table for a terminal. */
  table: string;
  comparison: RepeatedComparison | null;
  /** Files that were written. */
  files: StudyFiles | null;
}

/**
 * An abort of the signal ends after the current step of training, with status "stopped"; the same call continues from there.
 * @throws ConfigError, FolderError, RunError, DatasetError, SplitError, LockedError, and what training and prediction throw
 */
export function ablate(options: AblateOptions): Promise<AblateResult> {
  return inOneSession(options, ablateInSession);
}

async function ablateInSession(options: AblateOptions): Promise<AblateResult> {
  const { part = "val", command = "ablate() of @slicestack/pipeline" } = options;
  await usePluginsOfStudy(options.file);
  const ablation = loadAblation(options.file);
  const dataset = openDataset(options.data);
  const [out, data] = [resolve(options.out), resolve(options.data)];
  const splits = splitsOf(dataset, ablation.variants[0]!.config);
  const steps = stepsOf(ablation, dataset, splits, out);
  claimStudy(out, steps);
  using _lock = FolderLock.take(out);
  const status = await trainSteps(steps, { out, data, command }, options);
  if (status === "stopped") return { status, table: "", comparison: null, files: null };
  const predictions = await predictSteps(steps, options);

  const methods = methodsOf(ablation, predictions);
  const first = ablation.variants[0]!.config;
  const classes = readRecord(steps[0]!.run).classes;
  const comparison = compareRepeated(methods, ablation.metrics, {
    classes,
    ordinal: areOrdinal(ablation.variants[0]!.config.task.ordinal, classes),
    seed: first.seed,
    reference: ablation.main,
  });
  const minutes = ablation.variants.map((variant) =>
    minutesOf(steps.filter((step) => step.variant === variant)),
  );
  const facts = { ablation, part, dataset: dataset.info, splits, comparison, command };
  const blocks = ablationBlocks({ ...facts, minutes });
  const figure = await ablationFigure(ablation, part, comparison);
  const title = `${ablation.name}, ${part}`;
  const files = await writeStudy((ending) => join(out, `${part}${ending}`), {
    kind: "ablation",
    title,
    heading: ablation.name,
    blocks,
    figure,
    results: {
      part,
      splits: splits.map(({ hash }) => hash),
      dataset: dataset.info.hash,
      seeds: ablation.seeds,
      comparison,
      minutes,
    },
    predictions: methods.flatMap(({ name, seeds }) =>
      seeds.map((one, k) => ({ ...one, model: `${name}#${k}` })),
    ),
  });
  return { status, table: terminalOf(title, blocks), comparison, files };
}
