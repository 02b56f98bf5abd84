/** `sweep ask` and `sweep tell`: another program runs the trials, or also proposes the points. */
import { existsSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { makeFolder } from "../data/make-folder.js";
import { pathWord } from "../command-line.js";
import { writeFileAtomic } from "../data/atomic.js";
import { takePatiently } from "../data/patient-lock.js";
import { beginSweep, type SweepTarget } from "./begin.js";
import { SweepError } from "./errors.js";
import { parsePoint } from "./given-points.js";
import type { TrialPaths } from "./sweep-folder.js";
import { Sweep } from "./sweep.js";
import { readResult, writeResult, type TrialResult } from "./trial-result.js";
import type { Trial, TrialReport, TrialState } from "./trial.js";

/** A trial in the form in which it is handed to another program. */
export interface AskedTrial {
  id: string;
  point: number;
  name: string | null;
  /** What the point sets, as dotted key → value. */
  settings: Trial["point"]["settings"];
  seed: number;
  fold: number | null;
  /** The state of the trial. If its point was proposed before, the trial may already have its result. */
  state: TrialState;
  objective: number | null;
  /** Absolute paths: its folder, its complete configuration, the prepared data set. */
  folder: string;
  config: string;
  data: string;
  /** The command that trains and scores it, and writes its result. */
  command: string;
}

export interface Asked {
  sweep: string;
  trials: AskedTrial[];
  /** Whether the search is over because its space or its budget is exhausted. */
  isOver: boolean;
}

/**
 * Hands out unclaimed trials, first of existing points, then of points that the search proposes. With `points`, as JSON
 * or YAML, the caller proposes the points and receives all of their trials.
 * @param count the most trials to hand out; default 1   @throws as beginSweep; LockedError while a runner works on the
 * sweep
 */
export async function ask(
  given: string,
  options: SweepTarget & { count?: number; points?: readonly string[]; command?: string } = {},
): Promise<Asked> {
  const { count = 1, points = [] } = options;
  const sweep = await beginSweep(given, options);
  using _lock = takePatiently(sweep.folder);
  sweep.refresh();
  if (points.length > 0) {
    const numbers = new Set(sweep.add(points.map(parsePoint), "asked").map(({ point }) => point.number));
    const trials = sweep.trials.filter(({ point }) => numbers.has(point.number));
    return { sweep: sweep.folder, trials: trials.map((trial) => handOut(sweep, trial)), isOver: false };
  }
  let free = freeTrials(sweep);
  let isOver = false;
  if (free.length < count) {
    const missing = Math.ceil(
      (count - free.length) / (sweep.record.seeds.length * sweep.record.folds.length),
    );
    isOver = sweep.propose(historyOf(sweep), missing).length < missing;
    free = freeTrials(sweep);
  }
  return { sweep: sweep.folder, trials: free.slice(0, count).map((trial) => handOut(sweep, trial)), isOver };
}

/**
 * A runner would train trials beside the program that has them.
 * @throws SweepError if trials were handed out that have no result
 */
export function refuseAsked(sweep: Sweep): void {
  const open = sweep.trials.filter(({ id }) => {
    const { asked, result } = sweep.paths.trial(id);
    return existsSync(asked) && !existsSync(result);
  });
  const [first] = open;
  if (first === undefined) return;
  const count = open.length === 1 ? `trial ${first.id} was` : `${open.length} trials (${first.id}, …) were`;
  throw new SweepError(
    sweep.folder,
    `${count} handed out by slicestack sweep ask, and no result has been reported`,
    `Report it with slicestack sweep tell; or return it: slicestack sweep tell ${pathWord(sweep.folder)} --trial ${first.id} --state waiting`,
  );
}

/** Whether a trial has neither been handed out nor finished. */
const freeTrials = (sweep: Sweep): Trial[] =>
  sweep.trials.filter(({ id }) => stateIn(sweep, id) === "waiting");

/** The state of a trial according to its folder: one that was handed out counts as running until it has a result. */
function stateIn(sweep: Sweep, id: string): TrialState {
  const paths = sweep.paths.trial(id);
  const result = readResult(paths.result);
  if (result !== null) return result.status;
  return existsSync(paths.record) ? "running" : "waiting";
}

/** The history of a sweep on which no runner of Slicestack works. */
export const historyOf = (sweep: Sweep): TrialReport[] =>
  sweep.trials.map((trial) => sweep.reportOf(trial, stateIn(sweep, trial.id)));

function handOut(sweep: Sweep, trial: Trial): AskedTrial {
  const { asked } = sweep.paths.trial(trial.id);
  makeFolder(dirname(asked));
  writeFileAtomic(asked, "");
  sweep.prepareTrial(trial);
  const { id, point, seed, fold } = trial;
  const { folder, config } = sweep.paths.trial(id);
  const { state, objective } = sweep.reportOf(trial, "running");
  const command = `slicestack sweep trial ${pathWord(folder)}`;
  const { name, settings, number } = point;
  return {
    id,
    point: number,
    name,
    settings,
    seed,
    fold,
    state,
    objective,
    folder,
    config,
    data: sweep.dataset(),
    command,
  };
}

export interface Told {
  id: string;
  state: TrialState;
  objective: number | null;
  /** Whether this call changed anything; reporting the same result again changes nothing. */
  isNew: boolean;
}

export interface TellOptions {
  trial: string;
  /** The sweep's objective on the validation set. Default: the result written by the process of the trial. */
  objective?: number;
  /** The state to report instead of an objective; `waiting` returns the trial, so that it is handed out again. */
  state?: "failed" | "pruned" | "waiting";
  message?: string;
  /** Whether to replace a different result. */
  replace?: boolean;
}

/**
 * Durably records the result of a trial.
 * @throws SweepError if there is no such trial, or if it has a different result
 */
export async function tell(folder: string, options: TellOptions): Promise<Told> {
  const sweep = await Sweep.open(folder);
  using _lock = takePatiently(sweep.folder);
  sweep.refresh();
  const trial = sweep.trials.find(({ id }) => id === options.trial || String(Number(id)) === options.trial);
  if (trial === undefined)
    throw new SweepError(
      folder,
      `has no trial ${options.trial}`,
      "Pass an id that slicestack sweep ask printed.",
    );
  const paths = sweep.paths.trial(trial.id);
  const before = readResult(paths.result);
  if (options.state === "waiting") return giveBack(trial, before, paths);
  const result = resultOf(options, before);
  if (result === null)
    throw new SweepError(
      paths.folder,
      "has no result yet",
      "Pass --objective VALUE or --state failed, or let slicestack sweep trial finish first.",
    );
  const isNew = before === null || !saysSame(before, result);
  if (before !== null && isNew && options.replace !== true)
    throw new SweepError(
      paths.result,
      `already says ${before.status}${before.objective === null ? "" : ` with objective ${before.objective}`}`,
      "Pass --replace to replace it.",
    );
  if (isNew) {
    sweep.prepareTrial(trial);
    writeResult(paths.result, result);
  }
  rmSync(paths.asked, { force: true });
  return { id: trial.id, state: result.status, objective: result.objective, isNew };
}

function giveBack(
  trial: Trial,
  before: TrialResult | null,
  { record, result, asked, folder }: TrialPaths,
): Told {
  if (before?.status === "finished")
    throw new SweepError(
      folder,
      "is finished",
      "A finished trial is never run again; to train another one, add a point.",
    );
  const isNew = existsSync(record) || before !== null;
  rmSync(result, { force: true });
  rmSync(record, { force: true });
  rmSync(asked, { force: true });
  return { id: trial.id, state: "waiting", objective: null, isNew };
}

function resultOf(
  { objective, state, message = "reported by another program" }: TellOptions,
  before: TrialResult | null,
): TrialResult | null {
  const facts = { version: 1 as const, metrics: {}, epochs: 0, seconds: 0 };
  if (state === "failed")
    return {
      ...facts,
      status: state,
      objective: null,
      error: { name: "Error", message, outOfMemory: false },
    };
  if (state === "pruned") return { ...facts, status: state, objective: objective ?? null };
  if (objective === undefined) return before;
  return { ...facts, status: "finished", objective: Number.isNaN(objective) ? null : objective };
}

const saysSame = (a: TrialResult, b: TrialResult): boolean =>
  a.status === b.status && a.objective === b.objective;
