/** `sweep ask` and `sweep tell`: another program decides what runs where, or which points there are. */
import { existsSync, rmSync } from "node:fs";
import { pathWord } from "../command-line.js";
import { takePatiently } from "../data/patient-lock.js";
import { beginSweep, type SweepTarget } from "./begin.js";
import { SweepError } from "./errors.js";
import { parsePoint } from "./given-points.js";
import { Sweep } from "./sweep.js";
import { readResult, writeResult, type TrialResult } from "./trial-result.js";
import type { Trial, TrialReport, TrialState } from "./trial.js";

/** A trial as another program is given it. */
export interface AskedTrial {
  id: string;
  point: number;
  name: string | null;
  /** What the point sets: dotted key → value. */
  settings: Trial["point"]["settings"];
  seed: number;
  fold: number | null;
  /** Of the trial: a trial of a point that was asked for before may have its result already. */
  state: TrialState;
  objective: number | null;
  /** Absolute paths: its folder, its complete configuration, the prepared data set. */
  folder: string;
  config: string;
  data: string;
  /** Trains and scores it, and writes its result. */
  command: string;
}

export interface Asked {
  sweep: string;
  trials: AskedTrial[];
  /** Whether the search has nothing more to propose: its space or its budget is used up. */
  isOver: boolean;
}

/**
 * Hands out trials that nobody works on: of points that are there, else of points that the search proposes. With `points`, as
 * JSON or YAML, the caller proposes them, and gets all of their trials.
 * @param count how many trials, at most; default 1   @throws as beginSweep; LockedError while a runner works on the sweep
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
    const missing = Math.ceil((count - free.length) / (sweep.record.seeds.length * sweep.record.folds.length));
    isOver = sweep.propose(historyOf(sweep), missing).length < missing;
    free = freeTrials(sweep);
  }
  return { sweep: sweep.folder, trials: free.slice(0, count).map((trial) => handOut(sweep, trial)), isOver };
}

/** Neither handed out nor finished. */
const freeTrials = (sweep: Sweep): Trial[] => sweep.trials.filter(({ id }) => stateIn(sweep, id) === "waiting");

/** As far as its folder says: a trial that was handed out runs until its result is there. */
function stateIn(sweep: Sweep, id: string): TrialState {
  const paths = sweep.paths.trial(id);
  const result = readResult(paths.result);
  if (result !== null) return result.status;
  return existsSync(paths.record) ? "running" : "waiting";
}

/** Every trial of a sweep that no runner of ours works on. */
export const historyOf = (sweep: Sweep): TrialReport[] =>
  sweep.trials.map((trial) => sweep.reportOf(trial, stateIn(sweep, trial.id)));

function handOut(sweep: Sweep, trial: Trial): AskedTrial {
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
  /** Whether this call has changed anything: the same result may be told again. */
  isNew: boolean;
}

export interface TellOptions {
  trial: string;
  /** The sweep's objective on val. Left out: what the trial's own process has written. */
  objective?: number;
  /** In place of an objective. waiting gives the trial back, so that it is handed out again. */
  state?: "failed" | "pruned" | "waiting";
  message?: string;
  /** Replaces a result that says something else. */
  replace?: boolean;
}

/** Notes the result of a trial, durably. @throws SweepError where there is no such trial, or another result */
export async function tell(folder: string, options: TellOptions): Promise<Told> {
  const sweep = await Sweep.open(folder);
  using _lock = takePatiently(sweep.folder);
  sweep.refresh();
  const trial = sweep.trials.find(({ id }) => id === options.trial || String(Number(id)) === options.trial);
  if (trial === undefined)
    throw new SweepError(folder, `has no trial ${options.trial}`, "Give the id that slicestack sweep ask printed.");
  const paths = sweep.paths.trial(trial.id);
  const before = readResult(paths.result);
  if (options.state === "waiting") return giveBack(trial, before, paths);
  const result = resultOf(options, before);
  if (result === null)
    throw new SweepError(
      paths.folder,
      "has no result yet",
      "Give --objective VALUE or --state failed, or let slicestack sweep trial finish first.",
    );
  const isNew = before === null || !saysSame(before, result);
  if (before !== null && isNew && options.replace !== true)
    throw new SweepError(
      paths.result,
      `says ${before.status}${before.objective === null ? "" : ` with objective ${before.objective}`} already`,
      "Give --replace to replace it.",
    );
  if (isNew) {
    sweep.prepareTrial(trial);
    writeResult(paths.result, result);
  }
  return { id: trial.id, state: result.status, objective: result.objective, isNew };
}

function giveBack(
  trial: Trial,
  before: TrialResult | null,
  { record, result, folder }: { record: string; result: string; folder: string },
): Told {
  if (before?.status === "finished")
    throw new SweepError(folder, "is finished", "A finished trial is never run again; add a point for another one.");
  const isNew = existsSync(record) || before !== null;
  rmSync(result, { force: true });
  rmSync(record, { force: true });
  return { id: trial.id, state: "waiting", objective: null, isNew };
}

function resultOf(
  { objective, state, message = "told by another program" }: TellOptions,
  before: TrialResult | null,
): TrialResult | null {
  const facts = { version: 1 as const, metrics: {}, epochs: 0, seconds: 0 };
  if (state === "failed")
    return { ...facts, status: state, objective: null, error: { name: "Error", message, outOfMemory: false } };
  if (state === "pruned") return { ...facts, status: state, objective: objective ?? null };
  if (objective === undefined) return before;
  return { ...facts, status: "finished", objective: Number.isNaN(objective) ? null : objective };
}

const saysSame = (a: TrialResult, b: TrialResult): boolean => a.status === b.status && a.objective === b.objective;
