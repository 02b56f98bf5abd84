/**
 * Runs a list of trainings through the queue and the pool of sweeps: one after another inside this process, or several
 * at the same time as processes. What is trained, and into which folders, is decided by the caller.
 */
import { availableMemory, readText } from "@slicestack/torch/limits";
import { usableCores } from "../../engine/doctor/cpu.js";
import { systemProbe } from "../../engine/doctor/probe.js";
import type { LeaseQueue } from "../../queue/lease-queue.js";
import type { NewJob } from "../../queue/jobs.js";
import { GpuPool } from "./gpus.js";
import { JobPool } from "./job-pool.js";
import { needsOf } from "./needs.js";
import { Resources } from "./resources.js";
import { keyOf, type Training } from "./training-record.js";
import { TrainingWork, type TrainingsOptions } from "./training-work.js";
import { closeTrainings, openTrainings } from "./trainings-folder.js";

/** Milliseconds between two looks at the processes. */
const ROUND = 500;

/**
 * In the order of the list, a training after the one whose slice stage it takes. The first one that fails ends the list:
 * the others save and end, as after an abort. After a kill, the same call takes over what still runs, and continues.
 * @returns "stopped" after an abort   @throws what a training throws
 */
export async function runTrainings(
  trainings: readonly Training[],
  options: TrainingsOptions,
): Promise<"finished" | "stopped"> {
  const { signal, jobs = 1 } = options;
  const place = openTrainings(options.folder);
  try {
    using gpus = new GpuPool();
    const byKey = new Map(trainings.map((training) => [keyOf(training), training]));
    const work = new TrainingWork(byKey, { ...options, jobs, root: place.root, queue: place.queue });
    const list = await jobsOf(byKey, { jobs, gpus, where: options.folder });
    const { usable } = usableCores(systemProbe());
    const resources = new Resources({ slots: jobs, cpus: usable, memory: availableMemory(readText) }, gpus);
    const pool = new JobPool({ queue: place.queue, resources, work });
    fill(place.queue, list);
    pool.adopt();
    for (const { key } of pool.leases) if (!byKey.has(key)) pool.end(key, "cancel");
    const usesGpus = list.some(({ needs = {} }) => (needs["gpus"] ?? 0) > 0);
    const refresh = usesGpus ? () => gpus.refresh() : null;
    return await untilEnded({ pool, queue: place.queue, work, refresh, signal });
  } finally {
    closeTrainings(place);
  }
}

interface Running {
  pool: JobPool;
  queue: LeaseQueue;
  work: TrainingWork;
  refresh: (() => Promise<void>) | null;
  signal: AbortSignal | undefined;
}

async function untilEnded({ pool, queue, work, refresh, signal }: Running): Promise<"finished" | "stopped"> {
  const abandon = () => pool.abandon();
  process.once("exit", abandon);
  const isOver = () => queue.counts().queued + queue.counts().leased === 0;
  try {
    while (!isOver() && work.failure === null && signal?.aborted !== true) {
      await refresh?.();
      const isBusy = pool.round();
      if (!isBusy || pool.leases.length > 0) await pool.wait(ROUND, signal);
    }
    await pool.stop();
    if (work.failure !== null) throw work.failure.error;
    return isOver() ? "finished" : "stopped";
  } catch (error) {
    abandon();
    throw error;
  } finally {
    process.off("exit", abandon);
  }
}

/** Jobs in the order of the list; several at the same time share the cores. */
async function jobsOf(
  byKey: ReadonlyMap<string, Training>,
  { jobs, gpus, where }: { jobs: number; gpus: GpuPool; where: string },
): Promise<NewJob[]> {
  const keys = new Map([...byKey].map(([key, { run }]) => [run, key]));
  const { usable } = usableCores(systemProbe());
  const list: NewJob[] = [];
  for (const [key, { config, sliceFrom }] of byKey) {
    const cpus = config.threads === "auto" ? Math.max(1, Math.floor(usable / jobs)) : config.threads;
    const run = { cpus, memory: null, gpus: null };
    const needs = jobs === 1 ? {} : await needsOf(config, { run, gpus, where });
    const donor = sliceFrom === null ? undefined : keys.get(sliceFrom);
    const after = donor === undefined ? [] : [{ key: donor, mustSucceed: true }];
    list.push({ key, kind: "training", payload: null, needs, after });
  }
  return list;
}

/** After a kill, only processes that still run count: all else is looked at again, and what another list left is dropped. */
function fill(queue: LeaseQueue, list: readonly NewJob[]): void {
  const keys = new Set(list.map(({ key }) => key));
  queue.together(() => {
    const others = queue.list().filter(({ key }) => !keys.has(key));
    queue.cancel(others.map(({ key }) => key));
    queue.retry([...keys], ["failed", "cancelled", "done"]);
    queue.resume();
    queue.add(list);
  });
}
