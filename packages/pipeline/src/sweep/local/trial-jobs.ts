/**
 * Adds the trials of a sweep to its queue as jobs, with a separate job for each slice stage that several trials share.
 */
import type { JobState, NewJob, Needs } from "../../queue/jobs.js";
import type { LeaseQueue } from "../../queue/lease-queue.js";
import { sliceDonors } from "../slice-stages.js";
import type { Trial, TrialState } from "../trial.js";

/** The payload of a trial's job. */
export interface TrialPayload {
  trial: string;
  stage: "slice" | "all";
  /** Id of the trial whose slice stage it reuses; null if it trains its own. */
  sliceFrom: string | null;
  /** Factor for the configured number of pieces per batch, doubled each time that memory runs out. */
  pieces: number;
}

export const sliceJob = (donor: string): string => `${donor}-slice`;

export interface JobOptions {
  /** The method of the base configuration. */
  method: string;
  needs: Needs;
  attempts: number;
  shares: boolean;
}

/**
 * Adds jobs for trials that the queue does not have.
 * @param trials all trials of the sweep, in order   @returns how many are new
 */
export function addTrials(queue: LeaseQueue, trials: readonly Trial[], options: JobOptions): number {
  const there = new Set(queue.list().map(({ key }) => key));
  const fresh = trials.filter(({ id }) => !there.has(id));
  if (fresh.length === 0) return 0;
  const donors = options.shares ? sliceDonors(trials, options.method) : new Map<string, string>();
  const takers = new Map<string, number>();
  for (const [id, donor] of donors) if (id !== donor) takers.set(donor, (takers.get(donor) ?? 0) + 1);
  const jobs = fresh.flatMap((trial): NewJob[] => {
    const donor = donors.get(trial.id) ?? trial.id;
    const isDonor = donor === trial.id;
    const job = trialJob(trial, isDonor ? null : donor, options);
    if (isDonor) {
      if (!takers.has(donor)) return [job];
      there.add(sliceJob(donor));
      const slice = {
        ...job,
        key: sliceJob(donor),
        kind: "slice",
        payload: { ...payloadOf(trial.id), stage: "slice" },
      };
      return [slice, { ...job, after: [{ key: sliceJob(donor) }] }];
    }
    // A donor that was added alone trains all of its stages in one process; the others wait for the end of that process.
    return [{ ...job, after: [{ key: there.has(sliceJob(donor)) ? sliceJob(donor) : donor }] }];
  });
  queue.add(jobs);
  return fresh.length;
}

function trialJob({ id }: Trial, sliceFrom: string | null, { needs, attempts }: JobOptions): NewJob {
  return { key: id, kind: "trial", payload: { ...payloadOf(id), sliceFrom }, needs, attempts };
}

const payloadOf = (trial: string): TrialPayload => ({ trial, stage: "all", sliceFrom: null, pieces: 1 });

const STATES: Record<JobState, TrialState> = {
  queued: "waiting",
  paused: "waiting",
  leased: "running",
  done: "finished",
  failed: "failed",
  cancelled: "cancelled",
};

/** The state of a trial that corresponds to the state of its job. */
export const trialState = (state: JobState): TrialState => STATES[state];
