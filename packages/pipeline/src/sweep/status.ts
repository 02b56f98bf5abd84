/** The state of a sweep, counted from its queue without reading the folders of trials. */
import type { Counts, Job } from "../queue/jobs.js";
import type { LeaseQueue } from "../queue/lease-queue.js";
import { pointReports } from "./history.js";
import type { Sweep } from "./sweep.js";
import type { Point, Trial, TrialReport } from "./trial.js";
import { readResult } from "./trial-result.js";
import { trialState, type TrialPayload } from "./local/trial-jobs.js";
import type { TrialSummary } from "./local/trial-work.js";

export interface RunningTrial {
  trial: Trial;
  /** Whether only its slice stage is trained, for other trials. */
  isSlice: boolean;
  /** Milliseconds since 1970. */
  started: number;
  attempt: number;
}

export interface SweepStatus {
  name: string;
  folder: string;
  /** Numbers of trials; shared slice stages are not counted. */
  trials: number;
  counts: Counts;
  finished: number;
  pruned: number;
  running: RunningTrial[];
  /** Average seconds per finished trial; null before there is one. */
  meanSeconds: number | null;
  /** Trials per hour at the current rate; null if unknown. */
  rate: number | null;
  /** Estimated for the existing trials; a search may still add more. */
  remainingSeconds: number | null;
  objective: string;
  best: { point: Point; objective: number } | null;
  isPaused: boolean;
  failed: { trial: string; error: string | null }[];
}

export function statusOf(sweep: Sweep, queue: LeaseQueue): SweepStatus {
  const jobs = queue.list();
  const trialJobs = new Map(jobs.filter(({ kind }) => kind === "trial").map((job) => [job.key, job]));
  const { trials } = sweep;
  const history = trials.map((trial) => reportOfJob(trial, trialJobs.get(trial.id)));
  const of = (states: readonly string[]) => history.filter(({ state }) => states.includes(state)).length;
  const counts = countsOf(trials, trialJobs);
  const byId = new Map(trials.map((trial) => [trial.id, trial]));
  const running = jobs.filter(({ state }) => state === "leased").map((job) => runningOf(job, byId, queue));
  const meanSeconds = meanOf([...trialJobs.values()].flatMap(secondsOf));
  const waiting = counts.queued + counts.leased;
  const rate = meanSeconds === null || running.length === 0 ? null : (3600 * running.length) / meanSeconds;
  return {
    name: sweep.record.name,
    folder: sweep.folder,
    trials: trials.length,
    counts,
    finished: of(["finished"]),
    pruned: of(["pruned"]),
    running,
    meanSeconds,
    rate,
    remainingSeconds: rate === null ? null : (3600 * waiting) / rate,
    objective: sweep.spec.objective,
    best: bestOf(history, sweep.minimizes),
    isPaused: queue.isPaused,
    failed: history
      .filter(({ state }) => state === "failed")
      .map(({ trial: { id } }) => ({ trial: id, error: trialJobs.get(id)?.error ?? errorIn(sweep, id) })),
  };
}

/** Of a trial whose job has not failed: another runner has written its result. */
const errorIn = (sweep: Sweep, id: string): string | null =>
  readResult(sweep.paths.trial(id).result)?.error?.message ?? null;

/** Trials for which no job has been created yet count as waiting. */
function countsOf(trials: readonly Trial[], jobs: ReadonlyMap<string, Job>): Counts {
  const counts: Counts = { queued: 0, leased: 0, done: 0, failed: 0, cancelled: 0, paused: 0 };
  for (const { id } of trials) counts[jobs.get(id)?.state ?? "queued"]++;
  return counts;
}

function reportOfJob(trial: Trial, job: Job | undefined): TrialReport {
  const summary = job?.state === "done" ? (job.result as TrialSummary | null) : null;
  const state = summary?.status ?? trialState(job?.state ?? "queued");
  const objective = state === "finished" ? (summary?.objective ?? NaN) : null;
  return { trial, state, objective, curve: [], epochs: summary?.epochs ?? 0 };
}

function runningOf(job: Job, trials: ReadonlyMap<string, Trial>, queue: LeaseQueue): RunningTrial {
  const { trial, stage } = job.payload as TrialPayload;
  const attempts = queue.attempts(job.key);
  return {
    trial: trials.get(trial)!,
    isSlice: stage === "slice",
    started: attempts.at(-1)?.started ?? job.created,
    attempt: attempts.length,
  };
}

function secondsOf({ state, result }: Job): number[] {
  const seconds = state === "done" ? (result as TrialSummary | null)?.seconds : undefined;
  return seconds === undefined || seconds === 0 ? [] : [seconds];
}

const meanOf = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

/** The best of the points whose trials are all finished. */
export function bestOf(history: readonly TrialReport[], minimizes: boolean): SweepStatus["best"] {
  const sign = minimizes ? -1 : 1;
  let best: SweepStatus["best"] = null;
  for (const { point, objective } of pointReports(history)) {
    if (objective === null || Number.isNaN(objective)) continue;
    if (best === null || sign * objective > sign * best.objective) best = { point, objective };
  }
  return best;
}
