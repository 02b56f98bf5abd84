/** `sweep run`: begins a sweep or goes on with it, on this machine. */
import { rmSync } from "node:fs";
import { availableMemory, readText } from "@slicestack/torch/limits";
import { FolderLock } from "../../data/lock.js";
import { usableCores } from "../../engine/doctor/cpu.js";
import { systemProbe } from "../../engine/doctor/probe.js";
import { LeaseQueue } from "../../queue/lease-queue.js";
import { parseBytes } from "../../run/cache-entries.js";
import { beginSweep, type SweepTarget } from "../begin.js";
import { SweepError } from "../errors.js";
import { statusOf, type SweepStatus } from "../status.js";
import type { Sweep } from "../sweep.js";
import { readResult } from "../trial-result.js";
import { Controller, type SweepEvent } from "./controller.js";
import { GpuPool } from "./gpus.js";
import type { LocalOptions } from "./options.js";
import { Resources } from "./resources.js";
import type { JobOptions } from "./trial-jobs.js";

export interface RunSweepOptions extends SweepTarget {
  /** The sweep's file, or the folder of one that has begun. */
  sweep: string;
  /** Words that start the command line: each trial is a process of it. */
  program: readonly string[];
  /** In place of the file's section run. */
  run?: Partial<LocalOptions>;
  /** Tries failed trials again, with all their attempts. */
  retryFailed?: boolean;
  onEvent?: (event: SweepEvent) => void;
  /** About twice a second. */
  onStatus?: (status: SweepStatus) => void;
  /** An abort tells the trials to save and end; the same call goes on. */
  signal?: AbortSignal;
  command?: string;
}

export interface RunSweepResult {
  status: "finished" | "paused" | "stopped";
  folder: string;
  sweep: SweepStatus;
}

/**
 * Runs the trials of a sweep as processes of this machine, until all have ended. Killed at any moment, the same call goes on:
 * no trial is lost, none runs twice at once, and finished ones are not run again.
 * @throws ConfigError, SweepError, LockedError (another process runs it), QueueError (also on a network file system), SystemError
 */
export async function runSweep(options: RunSweepOptions): Promise<RunSweepResult> {
  const { program, onEvent, onStatus, signal } = options;
  const sweep = await beginSweep(options.sweep, options);
  using _lock = FolderLock.take(sweep.folder);
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

/** What every trial needs: as the file says, else by the base configuration and the machine. */
async function jobOptions(sweep: Sweep, run: LocalOptions, gpus: GpuPool): Promise<JobOptions> {
  const { method, device, threads } = sweep.base.configOf({});
  if (run.gpus !== 0 && device !== "cpu") await gpus.refresh();
  const perTrial = run.gpus ?? (device === "cpu" || gpus.count === 0 ? 0 : 1);
  if (perTrial > gpus.count)
    throw new SweepError(
      sweep.folder,
      `a trial needs ${perTrial} GPUs (run.gpus), and this machine has ${gpus.count} that may be used`,
      "Lower run.gpus, or see slicestack doctor.",
    );
  const { usable } = usableCores(systemProbe());
  const share = perTrial === 0 ? usable : Math.max(1, Math.floor((usable * perTrial) / gpus.count));
  const cpus = run.cpus ?? (threads === "auto" ? share : threads);
  const memory = run.memory === null ? {} : { memory: parseBytes(run.memory, "run.memory") };
  const needs = { cpus, ...memory, ...(perTrial === 0 ? {} : { gpus: perTrial }) };
  return { method, needs, attempts: run.attempts, shares: run.share_slice_stages };
}

/** A trial's failed result goes first: a kill in between leaves a failed job, which is given that result again. */
function retryFailed(sweep: Sweep, queue: LeaseQueue): void {
  const failed = queue.list({ states: ["failed"] }).map(({ key }) => key);
  for (const key of failed) {
    const { result } = sweep.paths.trial(key);
    if (readResult(result)?.status === "failed") rmSync(result);
  }
  queue.retry(failed);
}

/** At most one call in so many milliseconds. */
function throttle(milliseconds: number): (body: () => void) => void {
  let last = 0;
  return (body) => {
    if (Date.now() - last < milliseconds) return;
    last = Date.now();
    body();
  };
}
