/** The predictions of a run for parts of its data, without statistics or a report. */
import { resolve } from "node:path";
import { runJob } from "../engine/session.js";
import { taskOptionsOf, type TaskOptions } from "../engine/task-options.js";
import { stagesOf } from "../config/stages.js";
import { noteTestRead } from "../run/ledger.js";
import { usePluginsOf } from "../models/spec-file.js";
import { openRun } from "../run/open-run.js";
import { baselinePredictions, MAIN_MODEL, votePredictions, type ScoredPart } from "./run-predictions.js";
import { readSubjectTable } from "./subject-table.js";
import type { Predictions } from "./predictions.js";
import type { PredictJob, PredictOutcome } from "./predict-job.js";

export interface RunPredictions {
  /** The main model of the run's method. */
  main: Predictions;
  /** All models of the run on the part, the baselines first. */
  all: Predictions[];
}

/**
 * Reads one part only, so that choices on val do not touch test. Reading test is recorded in the run's ledger.
 * @throws RunError, DatasetError, SplitError, CheckpointError, LibtorchNotFoundError   @throws the signal's reason
 */
export async function predictRun(
  run: string,
  part: "val" | "test",
  options: TaskOptions & { command?: string } = {},
): Promise<RunPredictions> {
  const { command = "predictRun() of @slicestack/pipeline" } = options;
  await usePluginsOf(run);
  const opened = openRun(run);
  // The vote's threshold is always swept on val.
  const job: PredictJob = {
    run: resolve(run),
    other: null,
    parts: part === "val" ? ["val"] : ["val", "test"],
    measure: false,
  };
  const outcome = await runJob<PredictJob, PredictOutcome>(
    new URL("./predict-job.js", import.meta.url),
    job,
    taskOptionsOf(options),
  ).finally(() => options.signal?.throwIfAborted());
  const table = readSubjectTable(opened.dataset.directory);
  const parts: ScoredPart[] = [{ part, volumes: opened.task.parts[part], table }];
  const baselines = baselinePredictions(opened, parts, { columns: [], table, seed: opened.config.seed });
  const votes = votePredictions(opened, outcome.slices, parts);
  const all = [
    ...baselines.predictions,
    ...votes,
    ...outcome.predictions.filter((predictions) => predictions.part === part),
  ];
  if (part === "test") await noteTestRead(run, stagesOf(opened.config), command);
  const main = all.find(({ model }) => model === MAIN_MODEL[opened.config.method])!;
  return { main, all };
}
