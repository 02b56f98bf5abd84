/** `sweep run --on slurm` and `sweep cancel --on slurm`. */
import { existsSync, rmSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { writeFileAtomic } from "../../data/atomic.js";
import { FolderLock } from "../../data/lock.js";
import { Slurm } from "../../slurm/client.js";
import { checkOptions } from "../../slurm/job-folder.js";
import { submissionsIn } from "../../slurm/submissions.js";
import { forgetAttempts } from "./attempts.js";
import type { Sweep } from "../sweep.js";
import { refuseAsked } from "../ask.js";
import { beginSweep, locateSweep, type SweepTarget } from "../begin.js";
import { SweepError } from "../errors.js";
import { pointReports } from "../history.js";
import type { Point } from "../trial.js";
import { clearFailure, readFailure } from "../trial-failure.js";
import { readResult } from "../trial-result.js";
import { SlurmController, type SlurmControllerOptions, type SlurmSweepCounts } from "./controller.js";
import { cancelMark, pauseMark, slurmFolder } from "./marks.js";
import type { SlurmOptions } from "./slurm-section.js";

export interface SlurmSweepOptions
  extends SweepTarget, Pick<SlurmControllerOptions, "program" | "onEvent" | "onLog" | "onRound" | "signal"> {
  /** A sweep's file, or the folder of a sweep that has been started. */
  sweep: string;
  /** Overrides of the section `slurm` of the file. */
  slurm?: Partial<SlurmOptions>;
  /** Whether to retry failed trials, with their full number of attempts. */
  retryFailed?: boolean;
  command?: string;
  client?: Slurm;
}

export interface SlurmSweepResult {
  /** detached: the jobs continue without this process. */
  status: "finished" | "detached" | "cancelled";
  folder: string;
  objective: string;
  counts: SlurmSweepCounts;
  best: { point: Point; objective: number } | null;
  failed: { trial: string; error: string }[];
}

/**
 * Runs the trials of a sweep as Slurm jobs. Safe to kill at any time: calling it again finds the jobs by their comments
 * and continues. No trial is lost, and none runs twice at the same time.
 * @throws ConfigError, SweepError, SlurmError, LockedError (another process runs it)
 */
export async function runSweepOnSlurm(given: SlurmSweepOptions): Promise<SlurmSweepResult> {
  const { program, client = new Slurm(), onEvent, onLog, onRound, signal } = given;
  const sweep = await beginSweep(given.sweep, given);
  using _lock = FolderLock.take(sweep.folder);
  refuseAsked(sweep);
  const options = { ...sweep.spec.slurm, ...given.slurm };
  for (const section of [options.sbatch, options.slice, options.train, options.score]) checkOptions(section);
  rmSync(cancelMark(sweep.folder), { force: true });
  if (given.retryFailed === true) forgetFailures(sweep);
  forgetShortages(sweep);
  const controller = new SlurmController({
    sweep,
    slurm: client,
    options,
    program,
    ...(onEvent === undefined ? {} : { onEvent }),
    ...(onLog === undefined ? {} : { onLog }),
    ...(onRound === undefined ? {} : { onRound }),
    ...(signal === undefined ? {} : { signal }),
  });
  const status = await controller.run();
  const reports = sweep.trials.map((trial) => sweep.reportOf(trial, "waiting"));
  const finished = pointReports(reports).filter(
    ({ objective }) => objective !== null && !Number.isNaN(objective),
  );
  const sign = sweep.minimizes ? 1 : -1;
  const [best] = finished.sort((a, b) => sign * (a.objective! - b.objective!));
  const failed = reports
    .filter(({ state }) => state === "failed")
    .map(({ trial }) => ({
      trial: trial.id,
      error: readResult(sweep.paths.trial(trial.id).result)?.error?.message ?? "unknown",
    }));
  return {
    status,
    folder: sweep.folder,
    objective: sweep.spec.objective,
    counts: controller.counts(),
    best: best === undefined ? null : { point: best.point, objective: best.objective! },
    failed,
  };
}

/** Resets failed trials to untried ones; what they have trained is kept. */
function forgetFailures(sweep: Sweep): void {
  const results = sweep.trials.map(({ id }) => ({ id, file: sweep.paths.trial(id).result }));
  const failed = results.filter(({ file }) => readResult(file)?.status === "failed");
  forgetAttempts(
    slurmFolder(sweep.folder),
    failed.map(({ id }) => id),
  );
  for (const { file } of failed) rmSync(file, { force: true });
}

/** Attempts that ended because the disk was full are no failures of their trials. */
function forgetShortages(sweep: Sweep): void {
  const short = sweep.trials.filter(({ id }) => {
    const { folder, result } = sweep.paths.trial(id);
    return readFailure(folder)?.shortage !== undefined && readResult(result) === null;
  });
  forgetAttempts(
    slurmFolder(sweep.folder),
    short.map(({ id }) => id),
  );
  for (const { id } of short) clearFailure(sweep.paths.trial(id).folder);
}

export interface SlurmCancelResult {
  folder: string;
  /** The number of array elements that were waiting or running. */
  cancelled: number;
}

/** How long to wait for jobs to save their state; Slurm kills them after its own KillWait. */
const LONGEST_WAIT_S = 120;

/**
 * Cancels every job of a sweep, whoever submitted it, and waits until none is running. Running jobs save their state
 * first.
 * @throws SweepError, SlurmError
 */
export async function cancelSweepOnSlurm(
  sweep: string,
  {
    out,
    client = new Slurm(),
    pollSeconds = 1,
  }: Pick<SweepTarget, "out"> & { client?: Slurm; pollSeconds?: number } = {},
): Promise<SlurmCancelResult> {
  const { folder } = locateSweep(sweep, out === undefined ? {} : { out });
  rmSync(pauseMark(folder), { force: true });
  if (!existsSync(slurmFolder(folder)))
    throw new SweepError(
      folder,
      "has not been run on Slurm",
      "Start it with slicestack sweep run --on slurm.",
    );
  // Written first, so that no stopped job is requeued, and no controller elsewhere submits further jobs.
  writeFileAtomic(cancelMark(folder), "");
  let cancelled: number | null = null;
  for (let waited = 0; ; waited += pollSeconds) {
    const comments = new Set(submissionsIn(slurmFolder(folder)).map((one) => one.read()?.comment));
    const jobs = (await client.jobs()).filter(
      ({ comment, phase }) => phase !== "ended" && comments.has(comment),
    );
    cancelled ??= jobs.length;
    if (jobs.length === 0 || waited > LONGEST_WAIT_S) return { folder, cancelled };
    await client.cancel([...new Set(jobs.map(({ arrayJob }) => String(arrayJob)))]);
    await pause(pollSeconds * 1000);
  }
}
