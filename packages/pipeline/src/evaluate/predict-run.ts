/** What a run says about parts of its data, and nothing more: no statistics, no report. */
import { resolve } from "node:path";
import { backgroundOf, runInBackground, type BackgroundOptions } from "../background.js";
import { readRecord, writeRecord } from "../run/folder.js";
import { openRun } from "../run/open.js";
import { baselinesOf, MAIN_MODEL, votesOf } from "./models-of-run.js";
import type { Predictions } from "./predictions.js";
import type { PredictJob, PredictOutcome } from "./worker.js";

export interface RunPredictions {
  /** The model that the run's method is about. */
  main: Predictions;
  /** All models of the run on the part, the baselines first. */
  all: Predictions[];
}

/**
 * Reads one part alone: who chooses on val leaves test untouched. Reading test is counted in run.json.
 * @throws RunError, DatasetError, SplitError, CheckpointError, LibtorchNotFoundError   @throws the signal's reason
 */
export async function predictRun(
  run: string,
  part: "val" | "test",
  options: BackgroundOptions = {},
): Promise<RunPredictions> {
  const opened = openRun(run);
  // The vote's threshold is always swept on val.
  const job: PredictJob = { run: resolve(run), other: null, parts: part === "val" ? ["val"] : ["val", "test"] };
  const outcome = await runInBackground<PredictJob, PredictOutcome>(
    new URL("./worker.js", import.meta.url),
    job,
    backgroundOf(options),
  ).finally(() => options.signal?.throwIfAborted());
  const test = opened.task.parts.test;
  const all = [...baselinesOf(opened, test), ...votesOf(opened, outcome.slices, test), ...outcome.predictions].filter(
    (one) => one.part === part,
  );
  if (part === "test") {
    const record = readRecord(run);
    writeRecord(run, { ...record, testReads: record.testReads + 1 });
  }
  const main = all.find(({ model }) => model === MAIN_MODEL[opened.config.method])!;
  return { main, all };
}
