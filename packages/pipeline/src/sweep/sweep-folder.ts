/** The folder of a sweep. */
import { join, resolve } from "node:path";

export function sweepPaths(folder: string) {
  const root = resolve(folder);
  return {
    root,
    /** The sweep's file as it was when the sweep began. */
    file: join(root, "sweep.yaml"),
    /** Its base configuration, complete. */
    base: join(root, "base.yaml"),
    /** What the sweep is: data set, folds, versions (SweepRecord). */
    record: join(root, "sweep.json"),
    /** A line a point, in the order of their numbers; only ever appended to. */
    points: join(root, "points", "points.jsonl"),
    /** Database of the local runner's queue. */
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
    /** The complete configuration that it trains. */
    config: join(folder, "config.yaml"),
    /** What its process printed. */
    log: join(folder, "log.txt"),
    /** Its run folder. */
    run: join(folder, "run"),
    /** What its model says about the validation set (predictions.csv of a run). */
    predictions: join(folder, "val.csv"),
    /** Its objective (TrialResult); there once the trial is finished. */
    result: join(folder, "result.json"),
  };
}

export type TrialPaths = ReturnType<typeof trialPaths>;
