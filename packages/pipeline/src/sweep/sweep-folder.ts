/** The folder of a sweep. */
import { join, resolve } from "node:path";

export function sweepPaths(folder: string) {
  const root = resolve(folder);
  return {
    root,
    /** The sweep's file as it was when the sweep was started. */
    file: join(root, "sweep.yaml"),
    /** The complete base configuration. */
    base: join(root, "base.yaml"),
    /** What the sweep is: data set, folds, versions (SweepRecord). */
    record: join(root, "sweep.json"),
    /** One line per point, in the order of their numbers; only ever appended to. */
    points: join(root, "points", "points.jsonl"),
    /** Database of the queue of the local runner. */
    queue: join(root, "queue.sqlite"),
    trials: join(root, "trials"),
    trial: (id: string) => trialPaths(root, id),
    results: join(root, "results"),
  };
}

export type SweepPaths = ReturnType<typeof sweepPaths>;

function trialPaths(root: string, id: string) {
  const folder = join(root, "trials", id);
  return {
    folder,
    /** Its point, seed and fold (trial-record.ts); written with config.yaml, before its process starts. */
    record: join(folder, "trial.json"),
    /** Exists while another program has the trial, from sweep ask to sweep tell. */
    asked: join(folder, "asked"),
    /** The complete configuration that it trains. */
    config: join(folder, "config.yaml"),
    /** The output of its process. */
    log: join(folder, "log.txt"),
    /** Its run folder. */
    run: join(folder, "run"),
    /** The predictions of its model for the validation set (predictions.csv of a run). */
    predictions: join(folder, "val.csv"),
    /** Its result (TrialResult); exists once the trial has ended. */
    result: join(folder, "result.json"),
  };
}

export type TrialPaths = ReturnType<typeof trialPaths>;
