/** Reads the jobs of a queue and their attempts. */
import type { Owner } from "../data/lock-owner.js";
import type { QueueDatabase } from "./database.js";
import { QueueError } from "./errors.js";
import {
  JOB_STATES,
  type Attempt,
  type Counts,
  type Job,
  type JobState,
  type Lease,
  type Needs,
} from "./jobs.js";

export interface ListOptions {
  /** Default all. */
  states?: readonly JobState[];
  kind?: string;
  /** The number of jobs to skip; default 0. */
  skip?: number;
  /** Default all. */
  most?: number;
}

const COLUMNS = `jobs.id, key, kind, resources, payload, priority, state, blockers, ready, failures, losses, attempts, owner,
  token, until, asked, created, ended, result, error`;
const FROM = "FROM jobs JOIN needs ON needs.id = jobs.needs";

interface Row extends Omit<Job, "needs" | "payload" | "owner" | "result"> {
  id: number;
  resources: string;
  payload: string;
  owner: string | null;
  until: number | null;
  result: string | null;
}

export function listJobs(
  database: QueueDatabase,
  { states = JOB_STATES, kind, skip = 0, most = -1 }: ListOptions,
): Job[] {
  const marks = states.map(() => "?").join(", ");
  const ofKind = kind === undefined ? "" : "AND kind = ?";
  const sql = `SELECT ${COLUMNS} ${FROM} WHERE state IN (${marks}) ${ofKind} ORDER BY jobs.id LIMIT ? OFFSET ?`;
  const values = [...states, ...(kind === undefined ? [] : [kind]), most, skip];
  const needs = new Map<string, Needs>();
  return (database.statement(sql).all(...values) as Row[]).map((row) => jobOf(row, needs));
}

export function findJob(database: QueueDatabase, key: string): Job | null {
  const row = database.statement(`SELECT ${COLUMNS} ${FROM} WHERE key = ?`).get(key);
  return row === undefined ? null : jobOf(row as Row);
}

/** @param known needs that were parsed before: many jobs have the same */
function jobOf(row: Row, known = new Map<string, Needs>()): Job {
  let needs = known.get(row.resources);
  if (needs === undefined) known.set(row.resources, (needs = JSON.parse(row.resources) as Needs));
  return {
    key: row.key,
    kind: row.kind,
    payload: JSON.parse(row.payload) as unknown,
    needs,
    priority: row.priority,
    state: row.state,
    blockers: row.blockers,
    ready: row.ready,
    failures: row.failures,
    losses: row.losses,
    attempts: row.attempts,
    owner: row.owner === null ? null : (JSON.parse(row.owner) as Owner),
    token: row.token,
    asked: row.asked,
    created: row.created,
    ended: row.ended,
    result: row.result === null ? null : (JSON.parse(row.result) as unknown),
    error: row.error,
  };
}

/** @returns null if the token is not the latest of its job */
export function leaseOf(database: QueueDatabase, token: string): Lease | null {
  const row = database.statement(`SELECT ${COLUMNS} ${FROM} WHERE token = ?`).get(token) as Row | undefined;
  if (row === undefined) return null;
  const sql = "SELECT count(*) AS attempt FROM attempts WHERE job = ?";
  const { attempt } = database.statement(sql).get(row.id) as { attempt: number };
  const { key, kind, payload, needs, priority } = jobOf(row);
  return { key, kind, payload, needs, priority, token, attempt, until: row.until ?? 0 };
}

export function countJobs(database: QueueDatabase): Counts {
  const rows = database.statement("SELECT state, count(*) AS count FROM jobs GROUP BY state").all();
  const countOf = new Map(
    (rows as { state: JobState; count: number }[]).map(({ state, count }) => [state, count]),
  );
  const counts: Partial<Counts> = {};
  for (const state of JOB_STATES) counts[state] = countOf.get(state) ?? 0;
  return counts as Counts;
}

/** The attempts of a job, oldest first. @throws QueueError if there is no such job */
export function attemptsOf(database: QueueDatabase, key: string): Attempt[] {
  const job = database.statement("SELECT id FROM jobs WHERE key = ?").get(key) as { id: number } | undefined;
  if (job === undefined) throw new QueueError(database.file, `has no job ${key}`, "Check its name.");
  const sql = "SELECT token, owner, started, ended, outcome, detail FROM attempts WHERE job = ? ORDER BY id";
  const rows = database.statement(sql).all(job.id) as (Omit<Attempt, "owner"> & { owner: string })[];
  return rows.map((row) => ({ ...row, owner: JSON.parse(row.owner) as Owner }));
}
