/**
 * Where a list of trainings keeps its queue while it runs: in the temporary folder of this machine, whose processes it
 * is about, so that the folder of the results may be on a network disk and holds nothing but results. Removed at the end;
 * after a kill it tells the next call which processes still train.
 */
import { existsSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { makeFolder } from "../../data/make-folder.js";
import { isGone } from "../../data/lock-owner.js";
import { sha256Of } from "../../data/sealed-json.js";
import { isOfUserAlone, userFolder } from "../../data/user-folder.js";
import { QueueError } from "../../queue/errors.js";
import { LeaseQueue } from "../../queue/lease-queue.js";
import { SweepError } from "../errors.js";

export interface TrainingsFolder {
  root: string;
  queue: LeaseQueue;
}

/** @param results the folder whose trainings these are, locked by the caller   @throws SweepError, QueueError, SystemError */
export function openTrainings(results: string): TrainingsFolder {
  const user = userFolder("slicestack-trainings");
  makeFolder(user, 0o700);
  if (!isOfUserAlone(user))
    throw new SweepError(user, "can be written to by another user", "Set TMPDIR to a folder of yours.");
  const root = join(user, sha256Of(realpathSync(results)).slice(0, 16));
  const file = join(root, "queue.sqlite");
  if (existsSync(root) && !hasRunning(file)) rmSync(root, { recursive: true, force: true });
  makeFolder(root, 0o700);
  return { root, queue: LeaseQueue.open(file) };
}

export function closeTrainings({ root, queue }: TrainingsFolder): void {
  queue[Symbol.dispose]();
  rmSync(root, { recursive: true, force: true });
}

/** Whether processes of a killed call may still run. */
function hasRunning(file: string): boolean {
  if (!existsSync(file)) return false;
  try {
    using queue = LeaseQueue.open(file, { check: false });
    return queue.list({ states: ["leased"] }).some(({ owner }) => owner !== null && !isGone(owner));
  } catch (error) {
    // The run folders are locked by processes that train in them, whatever became of the queue.
    if (error instanceof QueueError) return false;
    throw error;
  }
}
