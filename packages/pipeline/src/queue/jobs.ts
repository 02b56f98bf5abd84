/** The jobs of a queue, their leases and their attempts. */
import type { Owner } from "../data/lock-owner.js";

/**
 * What a job takes while it runs, e.g. { gpus: 1, cpus: 4 }; compared with what is free by the caller of `lease`, not
 * by the queue.
 */
export type Needs = Readonly<Record<string, number>>;

export interface Blocker {
  /** The key of a job that was added before. */
  key: string;
  /** If the blocker fails or is cancelled, this job is cancelled too. Default false: it only waits for the end. */
  mustSucceed?: boolean;
}

export interface NewJob {
  /** Identifies the job permanently: adding it again changes nothing. */
  key: string;
  /** Default "". */
  kind?: string;
  /** Any value that JSON can represent. */
  payload: unknown;
  needs?: Needs;
  /** Higher priorities run sooner; ties go to the older job. Default 0. */
  priority?: number;
  /** Jobs that must end first. */
  after?: readonly Blocker[];
  /** How often it may fail before it is no longer retried. Default 3. */
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
  /** The number of jobs that it still waits for. */
  blockers: number;
  /** Earliest start of a retry, in milliseconds since 1970. */
  ready: number;
  /** The number of attempts that failed. */
  failures: number;
  /** The number of attempts whose holder disappeared. */
  losses: number;
  /** How often it may fail. */
  attempts: number;
  /** The process that holds it; null if it is not leased. */
  owner: Owner | null;
  token: string | null;
  /** What its holder has been asked to do. */
  asked: Asked | null;
  created: number;
  ended: number | null;
  /** The result that was passed to `complete`. */
  result: unknown;
  /** Why it failed or was cancelled, or why its last attempt failed. */
  error: string | null;
}

/**
 * A request that a holder receives with its next heartbeat: to give the job back cancelled, paused, or waiting again.
 */
export type Asked = "cancel" | "pause" | "yield";

/** A leased job. The token proves the lease: only the holder of the latest token can record a result. */
export interface Lease {
  key: string;
  kind: string;
  payload: unknown;
  needs: Needs;
  priority: number;
  token: string;
  /** Number of this attempt, starting at 1. */
  attempt: number;
  /** When the lease expires without a heartbeat, in milliseconds since 1970. */
  until: number;
}

export const OUTCOMES = ["done", "failed", "released", "lost", "cancelled"] as const;

export interface Attempt {
  token: string;
  owner: Owner;
  started: number;
  /** null while the attempt runs. */
  ended: number | null;
  outcome: (typeof OUTCOMES)[number] | null;
  detail: string | null;
}

export type Counts = Record<JobState, number>;
