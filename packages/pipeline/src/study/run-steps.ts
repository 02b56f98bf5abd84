/** The common part of all studies: their trainings as a sweep runs them, their predictions, and joint predictions over folds. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { taskOptionsOf, type TaskOptions } from "../engine/task-options.js";
import { claimFolder } from "../data/owned-folder.js";
import { ensembleOf } from "../evaluate/group/ensemble.js";
import type { Repeats } from "../evaluate/compare/repeated.js";
import { predictRun } from "../evaluate/predict-run.js";
import { readPredictions, writePredictions, type Predictions } from "../evaluate/predictions.js";
import { readTrainingRows } from "../run/training-rows.js";
import { addChecksums, checkFile } from "../run/checksums.js";
import { readRecord, RunError, runPaths } from "../run/folder.js";
import { runTrainings } from "../sweep/local/trainings.js";
import type { Training } from "../sweep/local/training-record.js";
import { checkResume } from "../tasks/train.js";
import type { Ablation, Variant } from "./ablation-file.js";
import type { Step } from "./study-steps.js";

export interface StudyOptions extends TaskOptions {
  /** The file of the variants (loadAblation). */
  file: string;
  /** Folder of a prepared data set; its split, or all of its folds, are used. */
  data: string;
  /** Folder of the runs and of the table. */
  out: string;
  /** The part that is scored. Choose on val; read test once. Default val. */
  part?: "val" | "test";
  /** The most trainings that run at the same time, each as a process; default 1: one after another in this process. */
  jobs?: number;
  command?: string;
}

/** Predictions of a trained step: its baselines, and its method under the name "main". */
export interface Found {
  step: Step;
  all: Predictions[];
}

/** Baselines beside the variants, which use no slices. */
const BASELINES = ["majority", "shortcut"];

/** Marks the folder of the study. A folder of an earlier version has no mark, but contains runs of exactly these steps. @throws FolderError */
export function claimStudy(out: string, steps: readonly Step[]): void {
  claimFolder(
    out,
    "study",
    steps.some(({ run }) => existsSync(runPaths(run).record)),
  );
}

/** Trains all steps that are not trained yet. @returns stopped: the same call continues from there */
export async function trainSteps(
  steps: readonly Step[],
  { out, data, command }: { out: string; data: string; command: string },
  options: TaskOptions & Pick<StudyOptions, "jobs">,
): Promise<"finished" | "stopped"> {
  const { jobs = 1, onLog } = options;
  const names = steps.map(nameOf);
  const trainings = steps.map(({ run, config, split, sliceFrom }, k): Training => {
    return { name: names[k]!, run, config, data, split, sliceFrom, command };
  });
  const { signal, session, ...followed } = taskOptionsOf(options);
  return runTrainings(trainings, {
    folder: out,
    jobs,
    ...(signal === undefined ? {} : { signal }),
    ...(session === undefined ? {} : { session }),
    onTurn: ({ name }) => {
      const k = names.indexOf(name);
      onLog?.(`${k + 1}/${steps.length}  ${name}`);
      return !isTrained(steps[k]!, data);
    },
    follow: ({ name }) =>
      jobs === 1 || onLog === undefined
        ? followed
        : { ...followed, onLog: (line) => onLog(`${name}: ${line}`) },
  });
}

const nameOf = ({ variant, seed, fold, share }: Step): string =>
  [
    variant.name,
    `seed ${seed}`,
    ...(fold === null ? [] : [`fold ${fold}`]),
    ...(share === 1 ? [] : [percent(share)]),
  ].join(", ");

/** "25 %" */
export const percent = (share: number): string => `${Number((100 * share).toPrecision(3))} %`;

/** @throws RunError if it was trained on another split, or has changed since */
function isTrained({ run, config, split }: Step, data: string): boolean {
  if (!existsSync(runPaths(run).record)) return false;
  const record = readRecord(run);
  if (record.splitHash !== split.hash)
    throw new RunError(
      run,
      "was trained on a split other than the current one of the data set",
      "Choose another --out.",
    );
  if (record.status !== "trained") return false;
  checkResume(run, { data, config })();
  return true;
}

/** Predictions of all steps on the part, after all are trained, so that no later training can depend on test. */
export async function predictSteps(steps: readonly Step[], options: StudyOptions): Promise<Found[]> {
  const found: Found[] = [];
  for (const step of steps)
    found.push({ step, all: await predictionsOf(step, options.part ?? "val", options) });
  return found;
}

/** Predictions of a run on the part, stored with it: test is read once per run. */
async function predictionsOf(
  { run }: Step,
  part: "val" | "test",
  options: StudyOptions,
): Promise<Predictions[]> {
  const file = join(run, `ablation-${part}.csv`);
  if (!existsSync(file)) {
    const { command } = options;
    const { all, main } = await predictRun(run, part, {
      ...taskOptionsOf(options),
      ...(command !== undefined && { command }),
    });
    const baselines = all.filter(({ model }) => BASELINES.includes(model));
    writePredictions(file, [...baselines, { ...main, model: "main" }]);
    addChecksums(run);
  }
  checkFile(run, file, "Remove it and run the same command again to score the run once more.");
  return readPredictions(file);
}

/** The joint predictions of all folds, for each seed of the variants and baselines. */
export function methodsOf({ variants, seeds }: Ablation, found: readonly Found[]): Repeats[] {
  const together = (variant: Variant, seed: number) =>
    ensembleOf(
      found.filter(({ step }) => step.variant === variant && step.seed === seed).map(({ all }) => all),
    );
  const methods = variants.map((variant) => ({
    variant,
    seeds: seeds.map((seed) => together(variant, seed)),
  }));
  const named = (all: readonly Predictions[], model: string, name: string): Predictions => ({
    ...all.find((one) => one.model === model)!,
    model: name,
  });
  return [
    ...methods.map(({ variant: { name }, seeds: own }) => ({
      name,
      seeds: own.map((all) => named(all, "main", name)),
    })),
    // Baselines have no seed.
    ...BASELINES.map((name) => ({ name, seeds: [named(methods[0]!.seeds[0]!, name, name)] })),
  ];
}

/** Minutes of training, mean over the runs; a slice stage that was reused from another run is included, because it would have been needed. */
export function minutesOf(steps: readonly Step[]): number {
  const seconds = steps.map(({ run }) => {
    const file = runPaths(run).metrics;
    return readTrainingRows(file).reduce((sum, row) => sum + row.seconds, 0);
  });
  return seconds.reduce((sum, one) => sum + one, 0) / seconds.length / 60;
}
