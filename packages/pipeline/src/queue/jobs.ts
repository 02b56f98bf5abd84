/** What a queue holds. */
import type { Owner } from "../data/lock-owner.js";

/** What a job takes while it runs, e.g. { gpus: 1, cpus: 4 }; the queue compares nothing, the one who leases does. */
export type Needs = Readonly<Record<string, number>>;

export interface Blocker {
  /** Of a job that was added before. */
  key: string;
  /** Where that one fails or is cancelled, this job is cancelled too. Default false: it only waits for the end. */
  mustSucceed?: boolean;
}

export interface NewJob {
  /** Names the job for ever: adding it again changes nothing. */
  key: string;
  /** Default "". */
  kind?: string;
  /** Anything that JSON can hold. */
  payload: unknown;
  needs?: Needs;
  /** The higher, the sooner; of equals the older one first. Default 0. */
  priority?: number;
  /** Jobs that must end first. */
  after?: readonly Blocker[];
  /** How often it may fail before it stays failed. Default 3. */
  attempts?: number;
}

export const JOB_STATES = ["queued", "leased", "done", "failed", "cancelled", "paused"] as const;
export type JobState = (typeof JOB_STATES)[number];

export interface Job {
  key: string;
  kind: string;
  payload: unknown;
  needs: Needs;
  priority: number;
  state: JobState;
  /** Jobs that it still waits for. */
  blockers: number;
  /** Milliseconds since 1970 before which a retry does not begin. */
  ready: number;
  /** Attempts that failed, and those whose holder went away. */
  failures: number;
  losses: number;
  /** How often it may fail. */
  attempts: number;
  /** Who holds it; null where nobody does. */
  owner: Owner | null;
  token: string | null;
  /** What its holder was asked to do. */
  asked: Asked | null;
  created: number;
  ended: number | null;
  /** What complete was given. */
  result: unknown;
  /** Why it failed or was cancelled, or failed the last time. */
  error: string | null;
}

/** A holder learns of it with its next heartbeat and gives the job back: cancelled, set aside, or waiting again. */
export type Asked = "cancel" | "pause" | "yield";

/** A job that is held. The token is the proof: who no longer has the newest one can record nothing. */
export interface Lease {
  key: string;
  kind: string;
  payload: unknown;
  needs: Needs;
  priority: number;
  token: string;
  /** From 1. */
  attempt: number;
  /** Milliseconds since 1970 at which the lease ends without a heartbeat. */
  until: number;
}

export const OUTCOMES = ["done", "failed", "released", "lost", "cancelled"] as const;

export interface Attempt {
  token: string;
  owner: Owner;
  started: number;
  /** null while it runs. */
  ended: number | null;
  outcome: (typeof OUTCOMES)[number] | null;
  detail: string | null;
}

export type Counts = Record<JobState, number>;
