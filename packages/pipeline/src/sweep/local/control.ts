/** Controls a sweep on this machine from another process, through its queue. */
import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { FolderLock, isHeld } from "../../data/lock.js";
import { isGone, isVisible } from "../../data/lock-owner.js";
import { LeaseQueue } from "../../queue/lease-queue.js";
import { locateSweep, type SweepTarget } from "../begin.js";
import { SweepError } from "../errors.js";
import { statusOf, type SweepStatus } from "../status.js";
import { Sweep } from "../sweep.js";
import { sweepPaths } from "../sweep-folder.js";
import { trialId } from "../trial.js";
import { CLOSED } from "./controller.js";
import { signalGroup } from "./gated-child.js";
import { sliceJob } from "./trial-jobs.js";

export interface ControlOptions extends Pick<SweepTarget, "out"> {
  /** A sweep's file, or its folder. */
  sweep: string;
  /** The trials, by number; default all. */
  trials?: readonly number[];
}

export interface ControlResult {
  folder: string;
  /** The number of trials that were changed; trials that have ended are not. */
  changed: number;
  /** Whether a process is running the sweep. */
  isRunning: boolean;
}

/** The state of the sweep. @throws SweepError if it has not been started; QueueError */
export async function sweepStatus(
  options: Omit<ControlOptions, "trials">,
): Promise<SweepStatus & { isRunning: boolean }> {
  const { folder } = locateSweep(options.sweep, options);
  const sweep = await Sweep.open(folder);
  using queue = openQueue(folder);
  return { ...statusOf(sweep, queue), isRunning: isHeld(folder) };
}

/**
 * Pauses the given trials, or the whole sweep, so that nothing new starts.
 * @param running finish: running trials continue to their end; stop: they save their state and wait to be resumed
 */
export function pauseSweep(options: ControlOptions & { running?: "finish" | "stop" }): ControlResult {
  const { running = "finish" } = options;
  return change(options, (queue, keys) => {
    if (keys !== undefined) queue.pause(keys);
    else queue.pauseAll(running === "stop" ? "yield" : "finish");
  });
}

/** Returns paused trials to the queue. Without numbers: all of them, and the sweep continues. */
export function resumeSweep(options: ControlOptions): ControlResult {
  return change(options, (queue, keys) => {
    if (keys === undefined) queue.set(CLOSED, "false");
    queue.resume(keys);
  });
}

/** @param priority trials with higher priority start sooner; the default is 0 */
export function prioritiseTrials(options: ControlOptions & { priority: number }): ControlResult {
  return change(options, (queue, keys) => void queue.prioritise(keys ?? [], options.priority));
}

/**
 * Cancels the given trials, or all that have not ended and the search with them. If no process runs the sweep, orphaned
 * processes of a killed one are terminated here.
 * @param grace milliseconds in which orphaned processes can save their state
 */
export async function cancelSweep(options: ControlOptions & { grace?: number }): Promise<ControlResult> {
  const result = change(options, (queue, keys) =>
    queue.together(() => {
      if (keys === undefined) queue.set(CLOSED, "true");
      // The slice stages of single trials continue, because others may wait for them.
      queue.cancel(keys?.filter((key) => queue.find(key)?.kind === "trial"));
    }),
  );
  if (!result.isRunning) await endOrphans(result.folder, options.grace ?? 60_000);
  return result;
}

function change(
  { sweep, out, trials }: ControlOptions,
  body: (queue: LeaseQueue, keys: readonly string[] | undefined) => void,
): ControlResult {
  const { folder } = locateSweep(sweep, out === undefined ? {} : { out });
  using queue = openQueue(folder);
  const keys = trials?.flatMap((number) => {
    const id = trialId(number);
    if (queue.find(id) === null)
      throw new SweepError(folder, `has no trial ${number}`, "slicestack sweep plan lists them.");
    return [id, sliceJob(id)];
  });
  const open = queue.list({ kind: "trial", states: ["queued", "paused", "leased"] }).map(({ key }) => key);
  body(queue, keys);
  const changed = open.filter((key) => keys?.includes(key) ?? true).length;
  return { folder, changed, isRunning: isHeld(folder) };
}

function openQueue(folder: string): LeaseQueue {
  const { queue } = sweepPaths(folder);
  if (existsSync(queue)) return LeaseQueue.open(queue, { check: false });
  throw new SweepError(
    folder,
    "has not been run on this machine: it has no queue",
    "Start it with slicestack sweep run, or follow a sweep on Slurm with --on slurm.",
  );
}

async function endOrphans(folder: string, grace: number): Promise<void> {
  using _lock = FolderLock.take(folder);
  using queue = openQueue(folder);
  const deadline = Date.now() + grace;
  const cancelled = () => queue.list({ states: ["leased"] }).filter(({ asked }) => asked === "cancel");
  const running = () =>
    cancelled().flatMap(({ owner }) => (owner === null || !isVisible(owner) || isGone(owner) ? [] : [owner]));
  for (const { pid } of running()) signalGroup(pid, "SIGTERM");
  while (running().length > 0) {
    await setTimeout(100);
    if (Date.now() > deadline) for (const { pid } of running()) signalGroup(pid, "SIGKILL");
  }
  if (cancelled().length > 0) queue.reclaim();
}
