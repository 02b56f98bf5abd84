/** What a user asks of a sweep that runs, or ran, on this machine: from another process, through its queue. */
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
  /** The sweep's file, or its folder. */
  sweep: string;
  /** Numbers of trials; default all. */
  trials?: readonly number[];
}

export interface ControlResult {
  folder: string;
  /** Trials that it concerns: those that have not ended. */
  changed: number;
  /** Whether a process works on the sweep now. */
  isRunning: boolean;
}

/** Where the sweep stands. @throws SweepError where it has not begun; QueueError */
export async function sweepStatus(
  options: Omit<ControlOptions, "trials">,
): Promise<SweepStatus & { isRunning: boolean }> {
  const { folder } = locateSweep(options.sweep, options);
  const sweep = await Sweep.open(folder);
  using queue = openQueue(folder);
  return { ...statusOf(sweep, queue), isRunning: isHeld(folder) };
}

/**
 * Trials, or the sweep: nothing new starts.
 * @param running finish: what runs goes on to its end; stop: it saves and waits for the resume
 */
export function pauseSweep(options: ControlOptions & { running?: "finish" | "stop" }): ControlResult {
  const { running = "finish" } = options;
  return change(options, (queue, keys) => {
    if (keys !== undefined) queue.pause(keys);
    else queue.pauseAll(running === "stop" ? "yield" : "finish");
  });
}

/** Trials that were paused wait again; without numbers all of them, and the sweep goes on. */
export function resumeSweep(options: ControlOptions): ControlResult {
  return change(options, (queue, keys) => {
    if (keys === undefined) queue.set(CLOSED, "false");
    queue.resume(keys);
  });
}

/** @param priority the higher, the sooner; 0 is usual */
export function prioritiseTrials(options: ControlOptions & { priority: number }): ControlResult {
  return change(options, (queue, keys) => void queue.prioritise(keys ?? [], options.priority));
}

/**
 * Trials, or all that have not ended: then the search ends, too. Where nobody runs the sweep, processes that a killed one
 * left are ended from here. @param grace milliseconds that they have to save
 */
export async function cancelSweep(options: ControlOptions & { grace?: number }): Promise<ControlResult> {
  const result = change(options, (queue, keys) =>
    queue.together(() => {
      if (keys === undefined) queue.set(CLOSED, "true");
      // A slice stage of single trials goes on: others may wait for it.
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
    "was not run on this machine yet: it has no queue",
    "Start it with slicestack sweep run; --on slurm follows one that runs there.",
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
