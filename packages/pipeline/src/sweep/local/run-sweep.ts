/** `sweep run`: starts or continues a sweep on this machine. */
import { existsSync, rmSync } from "node:fs";
import { availableMemory, readText } from "@slicestack/torch/limits";
import { pathWord } from "../../command-line.js";
import { FolderLock } from "../../data/lock.js";
import { usableCores } from "../../engine/doctor/cpu.js";
import { systemProbe } from "../../engine/doctor/probe.js";
import { LeaseQueue } from "../../queue/lease-queue.js";
import { parseBytes } from "../../run/cache-entries.js";
import { refuseAsked } from "../ask.js";
import { beginSweep, type SweepTarget } from "../begin.js";
import { SweepError } from "../errors.js";
import { Attempts } from "../slurm/attempts.js";
import { cancelMark, slurmFolder } from "../slurm/marks.js";
import { statusOf, type SweepStatus } from "../status.js";
import type { Sweep } from "../sweep.js";
import { readResult } from "../trial-result.js";
import { Controller, type SweepEvent } from "./controller.js";
import { GpuPool } from "./gpus.js";
import { needsOf } from "./needs.js";
import type { LocalOptions } from "./local-section.js";
import { Resources } from "./resources.js";
import type { JobOptions } from "./trial-jobs.js";
import type { TrialSummary } from "./trial-work.js";

export interface RunSweepOptions extends SweepTarget {
  /** A sweep's file, or the folder of a sweep that has been started. */
  sweep: string;
  /** Program and first arguments that start the command line of Slicestack, which each trial runs as a process. */
  program: readonly string[];
  /** Overrides of the section `run` of the file. */
  run?: Partial<LocalOptions>;
  /** Whether to retry failed trials, with their full number of attempts. */
  retryFailed?: boolean;
  onEvent?: (event: SweepEvent) => void;
  /** Called about twice per second. */
  onStatus?: (status: SweepStatus) => void;
  /** On abort, the trials save their state and end; calling again continues them. */
  signal?: AbortSignal;
  command?: string;
}

export interface RunSweepResult {
  status: "finished" | "paused" | "stopped";
  folder: string;
  sweep: SweepStatus;
}

/**
 * Runs the trials of a sweep as processes on this machine until all have ended. Safe to kill at any time: calling it
 * again continues the sweep. No trial is lost, none runs twice at the same time, and finished trials are not run again.
 * @throws ConfigError, SweepError, LockedError (another process runs it), QueueError (also on a network file system),
 * SystemError
 */
export async function runSweep(options: RunSweepOptions): Promise<RunSweepResult> {
  const { program, onEvent, onStatus, signal } = options;
  const sweep = await beginSweep(options.sweep, options);
  using _lock = FolderLock.take(sweep.folder);
  refuseSlurm(sweep);
  refuseAsked(sweep);
  using queue = LeaseQueue.open(sweep.paths.queue);
  const run = { ...sweep.spec.run, ...options.run };
  const gpuMemory = run.gpu_memory === null ? null : parseBytes(run.gpu_memory, "run.gpu_memory");
  using gpus = new GpuPool({ allowed: run.use_gpus, memory: gpuMemory });
  const jobs = await jobOptions(sweep, run, gpus);
  if (options.retryFailed === true) retryFailed(sweep, queue);
  const { usable } = usableCores(systemProbe());
  const machine = { slots: run.slots ?? Infinity, cpus: usable, memory: availableMemory(readText) };
  const resources = new Resources(machine, gpus);
  const limits = throttle(1000);
  const controller = new Controller({
    sweep,
    queue,
    gpus,
    resources,
    jobs,
    program,
    ...(onEvent === undefined ? {} : { onEvent }),
    ...(signal === undefined ? {} : { signal }),
    onRound: () => limits(() => onStatus?.(statusOf(sweep, queue))),
  });
  const status = await controller.run();
  return { status, folder: sweep.folder, sweep: statusOf(sweep, queue) };
}

/** Jobs of Slurm would train the same trials beside this process. @throws SweepError */
function refuseSlurm(sweep: Sweep): void {
  const root = slurmFolder(sweep.folder);
  if (!existsSync(root) || existsSync(cancelMark(sweep.folder))) return;
  const open = new Attempts(root).active().filter(({ folder, element, trial }) => {
    return folder.outcome(element) === null && !existsSync(sweep.paths.trial(trial).result);
  });
  if (open.length === 0) return;
  const folder = pathWord(sweep.folder);
  throw new SweepError(
    sweep.folder,
    `${open.length} ${open.length === 1 ? "task" : "tasks"} of it that went to Slurm ${open.length === 1 ? "has" : "have"} not ended`,
    `To follow them: slicestack sweep run ${folder} --on slurm. To end them: slicestack sweep cancel ${folder} --on slurm.`,
  );
}

/** The resources of each trial, from the file or else from the base configuration and the machine. */
async function jobOptions(sweep: Sweep, run: LocalOptions, gpus: GpuPool): Promise<JobOptions> {
  const base = sweep.base.configOf({});
  const needs = await needsOf(base, { run, gpus, where: sweep.folder });
  return { method: base.method, needs, attempts: run.attempts, shares: run.share_slice_stages };
}

/**
 * Removes the result of a failed trial first: if killed in between, the job is still failed and gets its result again.
 */
function retryFailed(sweep: Sweep, queue: LeaseQueue): void {
  const results = sweep.trials.map(({ id }) => ({ id, file: sweep.paths.trial(id).result }));
  const leased = new Set(queue.list({ states: ["leased"] }).map(({ key }) => key));
  const failed = results.filter(({ id, file }) => !leased.has(id) && readResult(file)?.status === "failed");
  for (const { file } of failed) rmSync(file);
  // Its job has not failed where the result came from another runner, or a kill came before the commit.
  const ids = new Set(failed.map(({ id }) => id));
  const done = queue.list({ states: ["done"], kind: "trial" });
  const given = done.filter(
    ({ key, result }) => ids.has(key) || (result as TrialSummary | null)?.status === "failed",
  );
  queue.retry(queue.list({ states: ["failed"] }).map(({ key }) => key));
  queue.retry(
    given.map(({ key }) => key),
    ["done"],
  );
}

/** Limits calls to one in so many milliseconds, and to a twentieth of the time if one of them takes long. */
function throttle(milliseconds: number): (body: () => void) => void {
  let next = 0;
  return (body) => {
    const begun = Date.now();
    if (begun < next) return;
    body();
    next = Date.now() + Math.max(milliseconds, 20 * (Date.now() - begun));
  };
}
