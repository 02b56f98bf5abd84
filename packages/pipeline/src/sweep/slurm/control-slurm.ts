/** Shows and controls a sweep that runs on Slurm, from any machine that can ask Slurm. */
import { existsSync, rmSync } from "node:fs";
import { pathWord } from "../../command-line.js";
import { writeFileAtomic } from "../../data/atomic.js";
import { isHeld } from "../../data/lock.js";
import { Slurm } from "../../slurm/client.js";
import type { Phase, SlurmJob } from "../../slurm/job.js";
import { locateSweep, type SweepTarget } from "../begin.js";
import { SweepError } from "../errors.js";
import { bestOf, type SweepStatus } from "../status.js";
import { Sweep } from "../sweep.js";
import { sweepPaths } from "../sweep-folder.js";
import { trialId, type Trial, type TrialReport } from "../trial.js";
import { readResult } from "../trial-result.js";
import { Attempts, attemptKey, type Stage } from "./attempts.js";
import { isCancelled, isPaused, markTrialCancelled, pauseMark, slurmFolder, wentToSlurm } from "./marks.js";

export interface SlurmControlOptions extends Pick<SweepTarget, "out"> {
  /** A sweep's file, or its folder. */
  sweep: string;
  client?: Slurm;
}

/** An element of a job array that works for a trial. */
export interface SlurmTask {
  trial: Trial;
  stage: Stage;
  /** The name in Slurm's commands, e.g. "17_3". */
  id: string;
  phase: Exclude<Phase, "ended">;
  /** Slurm's word, e.g. PENDING. */
  state: string;
  /** Why it waits; "" where Slurm gives no reason. */
  reason: string;
  /** Where it runs; "" while it waits. */
  nodes: string;
}

export interface SlurmSweepStatus extends Pick<
  SweepStatus,
  "name" | "folder" | "trials" | "finished" | "pruned" | "objective" | "best" | "isPaused" | "failed"
> {
  on: "slurm";
  /** Those in Slurm's queue: running ones first. */
  tasks: SlurmTask[];
  isCancelled: boolean;
  /** Whether a process follows the sweep, and submits what is missing. */
  isRunning: boolean;
}

/**
 * Whether a sweep is run by Slurm: it has jobs there that have not ended, or it was never run on this machine.
 * @throws SweepError if it has not been started
 */
export function runsOnSlurm({ sweep, out }: Omit<SlurmControlOptions, "client">): boolean {
  const { folder } = locateSweep(sweep, out === undefined ? {} : { out });
  if (!wentToSlurm(folder)) return false;
  const paths = sweepPaths(folder);
  if (!existsSync(paths.queue)) return true;
  const open = new Attempts(slurmFolder(folder)).active();
  return (
    !isCancelled(folder) &&
    open.some((one) => one.folder.outcome(one.element) === null && !hasResult(one.trial))
  );

  function hasResult(trial: string): boolean {
    return existsSync(paths.trial(trial).result);
  }
}

/** @throws SweepError, SlurmError */
export async function slurmSweepStatus(options: SlurmControlOptions): Promise<SlurmSweepStatus> {
  const folder = folderOf(options);
  const sweep = await Sweep.open(folder);
  const trials = new Map(sweep.trials.map((trial) => [trial.id, trial]));
  const history = sweep.trials.map((trial): TrialReport => {
    const result = readResult(sweep.paths.trial(trial.id).result);
    const objective = result?.status === "finished" ? (result.objective ?? NaN) : null;
    return { trial, state: result?.status ?? "waiting", objective, curve: [], epochs: result?.epochs ?? 0 };
  });
  const of = (state: TrialReport["state"]) => history.filter((report) => report.state === state);
  const tasks = (await jobsOf(folder, options.client)).flatMap(({ trial, stage, job }): SlurmTask[] => {
    const { id, phase, state, reason, nodes } = job;
    const known = trials.get(trial);
    return known === undefined || phase === "ended"
      ? []
      : [{ trial: known, stage, id, phase, state, reason, nodes }];
  });
  return {
    on: "slurm",
    name: sweep.record.name,
    folder,
    trials: history.length,
    finished: of("finished").length,
    pruned: of("pruned").length,
    failed: of("failed").map(({ trial: { id } }) => {
      return { trial: id, error: readResult(sweep.paths.trial(id).result)?.error?.message ?? null };
    }),
    tasks: [
      ...tasks.filter(({ phase }) => phase === "running"),
      ...tasks.filter(({ phase }) => phase === "waiting"),
    ],
    objective: sweep.spec.objective,
    best: bestOf(history, sweep.minimizes),
    isPaused: isPaused(folder),
    isCancelled: isCancelled(folder),
    isRunning: isHeld(folder),
  };
}

export interface SlurmControlResult {
  folder: string;
  /** The number of array elements that were held, released, or asked to save and stop. */
  changed: number;
  isRunning: boolean;
}

/**
 * Submits nothing more, and holds what waits in Slurm's queue.
 * @param running finish: running jobs continue to their end; stop: they save their state, and are held as well
 * @throws SweepError, SlurmError
 */
export async function pauseSlurmSweep(
  options: SlurmControlOptions & { running?: "finish" | "stop" },
): Promise<SlurmControlResult> {
  const { client = new Slurm(), running = "finish" } = options;
  const folder = folderOf(options);
  // Written first, so that no controller submits, and what is requeued is held.
  writeFileAtomic(pauseMark(folder), "");
  const jobs = (await jobsOf(folder, client)).map(({ job }) => job);
  const waiting = jobs.filter(({ phase }) => phase === "waiting");
  const stopped = running === "stop" ? jobs.filter(({ phase }) => phase === "running") : [];
  await client.hold(waiting.map(({ id }) => id));
  for (const { id } of stopped) await client.signal(id, "USR1");
  return { folder, changed: waiting.length + stopped.length, isRunning: isHeld(folder) };
}

/** Releases what `pauseSlurmSweep` held; a process that follows the sweep submits again. @throws SweepError, SlurmError */
export async function resumeSlurmSweep(options: SlurmControlOptions): Promise<SlurmControlResult> {
  const { client = new Slurm() } = options;
  const folder = folderOf(options);
  rmSync(pauseMark(folder), { force: true });
  // Slurm ignores this for jobs that are not held, and may give another reason for a held one that waits for others.
  const waiting = (await jobsOf(folder, client)).filter(({ job }) => job.phase === "waiting");
  await client.release(waiting.map(({ job }) => job.id));
  return { folder, changed: waiting.length, isRunning: isHeld(folder) };
}

/**
 * Cancels single trials: running jobs save their state, and none of theirs is submitted again. Their slice stages
 * continue, as other trials may share them.
 * @throws SweepError if the sweep has no such trial; SlurmError
 */
export async function cancelTrialsOnSlurm(
  options: SlurmControlOptions & { trials: readonly number[] },
): Promise<SlurmControlResult> {
  const { client = new Slurm(), trials } = options;
  const folder = folderOf(options);
  const paths = sweepPaths(folder);
  const known = new Set((await Sweep.open(folder)).trials.map(({ number }) => number));
  const unknown = trials.find((number) => !known.has(number));
  if (unknown !== undefined)
    throw new SweepError(folder, `has no trial ${unknown}`, "slicestack sweep plan lists them.");
  const open = trials.map(trialId).filter((id) => readResult(paths.trial(id).result) === null);
  // Written first, so that a controller does not submit them again.
  for (const id of open) markTrialCancelled(folder, id);
  const jobs = (await jobsOf(folder, client)).filter(
    ({ trial, stage }) => open.includes(trial) && stage !== "slice",
  );
  if (jobs.length > 0) await client.cancel(jobs.map(({ job }) => job.id));
  return { folder, changed: open.length, isRunning: isHeld(folder) };
}

/**
 * Explains why single trials of a sweep on Slurm are not changed here, with the command of Slurm for their jobs.
 * @param command with JOBS in place of the ids   @throws SweepError always; SlurmError
 */
export async function refuseTrials(
  options: SlurmControlOptions,
  { trials, what, command }: { trials: readonly number[]; what: string; command: string },
): Promise<never> {
  const folder = folderOf(options);
  const wanted = new Set(trials.map(trialId));
  const ids = (await jobsOf(folder, options.client)).filter(
    ({ trial, stage }) => wanted.has(trial) && stage !== "slice",
  );
  const jobs = ids.map(({ job }) => job.id);
  const remedy =
    jobs.length === 0
      ? `None of their jobs is in its queue: slicestack sweep status ${pathWord(folder)} lists those that are.`
      : `Use Slurm's own command for their jobs: ${command.replace("JOBS", jobs.join(command.startsWith("scancel") ? " " : ","))}`;
  throw new SweepError(folder, `runs on Slurm, where ${what}`, remedy);
}

interface TrialJob {
  trial: string;
  stage: Stage;
  job: SlurmJob;
}

/** The jobs of a sweep that have not ended. */
async function jobsOf(folder: string, client = new Slurm()): Promise<TrialJob[]> {
  const attempts = new Attempts(slurmFolder(folder));
  return (await client.jobs()).flatMap((job): TrialJob[] => {
    const { comment, element, phase } = job;
    const attempt = element === null ? undefined : attempts.byKey(attemptKey({ comment, element }));
    if (attempt === undefined || phase === "ended") return [];
    return [{ trial: attempt.trial, stage: attempt.stage, job }];
  });
}

function folderOf({ sweep, out }: SlurmControlOptions): string {
  const { folder } = locateSweep(sweep, out === undefined ? {} : { out });
  if (wentToSlurm(folder)) return folder;
  throw new SweepError(folder, "has not been run on Slurm", "Start it with slicestack sweep run --on slurm.");
}
