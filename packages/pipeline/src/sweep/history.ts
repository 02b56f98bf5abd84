/** Reads the state of a trial from its folder, and groups the trials of a sweep by point. */
import { higherIsBetter, selectionColumn, selectionsOfRun } from "../run/epoch-selection.js";
import { readTrainingRows } from "../run/training-rows.js";
import { runPaths } from "../run/folder.js";
import type { RunConfig } from "../config/types.js";
import type { TrialPaths } from "./sweep-folder.js";
import type { CurveEntry, Point, Trial, TrialReport, TrialState } from "./trial.js";
import { readResult } from "./trial-result.js";

/**
 * Reads the result of a trial that has ended, and the epochs of one that is running.
 * @param state as known to its runner; a result in the folder takes precedence
 * @param config the configuration of the trial
 */
export function reportOf(
  trial: Trial,
  state: TrialState,
  paths: TrialPaths,
  config: () => RunConfig,
): TrialReport {
  const result = readResult(paths.result);
  const isOver = result !== null;
  const curve = isOver || state === "running" ? curveOf(paths, config()) : [];
  if (!isOver) return { trial, state, objective: null, curve, epochs: curve.length };
  const { status, objective, epochs } = result;
  return {
    trial,
    state: status,
    objective: status === "finished" ? (objective ?? NaN) : null,
    curve,
    epochs,
  };
}

/** The epochs of a run, each with the selection metric of its stage. */
export function curveOf({ run }: TrialPaths, config: RunConfig): CurveEntry[] {
  const selections = selectionsOfRun(run, config);
  return readTrainingRows(runPaths(run).metrics).map((row) => {
    const select = selections[row.stage];
    const value = select === undefined ? NaN : (row[selectionColumn(select.name)] ?? NaN);
    const signed = select === undefined ? value : higherIsBetter(value, select);
    return { stage: row.stage, epoch: row.epoch + 1, value: signed };
  });
}

/** A point with all of its trials. */
export interface PointReport {
  point: Point;
  trials: readonly TrialReport[];
  /**
   * running: a trial is running or waiting, and none was pruned; pruned: one was pruned; finished: all trials are
   * finished; failed: the point can no longer be finished.
   */
  state: "running" | "finished" | "pruned" | "failed";
  /** Mean over its trials; null until all of them are finished. */
  objective: number | null;
}

export function pointReports(history: readonly TrialReport[]): PointReport[] {
  const groups = new Map<number, TrialReport[]>();
  for (const report of history) {
    const group = groups.get(report.trial.point.number);
    if (group === undefined) groups.set(report.trial.point.number, [report]);
    else group.push(report);
  }
  return [...groups.values()]
    .map((trials): PointReport => {
      const state = stateOf(trials);
      const objective = state === "finished" ? meanOf(trials.map((one) => one.objective ?? NaN)) : null;
      return { point: trials[0]!.trial.point, trials, state, objective };
    })
    .sort((a, b) => a.point.number - b.point.number);
}

function stateOf(trials: readonly TrialReport[]): PointReport["state"] {
  const states = new Set(trials.map(({ state }) => state));
  if (states.has("pruned")) return "pruned";
  if (states.has("failed") || states.has("cancelled")) return "failed";
  return states.has("running") || states.has("waiting") ? "running" : "finished";
}

export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
