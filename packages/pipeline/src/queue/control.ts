/** What users ask of jobs: to cancel, pause, resume, retry or prioritise them. Each must be called in a transaction. */
import type { QueueDatabase } from "./database.js";
import { endJob } from "./ending.js";
import type { Asked, JobState } from "./jobs.js";

interface Row {
  id: number;
  state: JobState;
}

type Keys = readonly string[] | undefined;

export function cancelJobs(database: QueueDatabase, keys: Keys, now: number): number {
  return each(database, keys, ["queued", "paused", "leased"], ({ id, state }) => {
    if (state === "leased") ask(database, id, "cancel");
    else endJob(database, id, { state: "cancelled", result: null, error: "cancelled", now });
  });
}

/** Ends waiting jobs as done; they no longer need a process. */
export function finishJobs(
  database: QueueDatabase,
  keys: Keys,
  { result, now }: { result: unknown; now: number },
): number {
  return each(database, keys, ["queued", "paused"], ({ id }) =>
    endJob(database, id, { state: "done", result, error: null, now }),
  );
}

export function pauseJobs(database: QueueDatabase, keys: Keys): number {
  return each(database, keys, ["queued", "leased"], ({ id, state }) => {
    if (state === "leased") ask(database, id, "pause");
    else database.statement("UPDATE jobs SET state = 'paused' WHERE id = ?").run(id);
  });
}

export function resumeJobs(database: QueueDatabase, keys: Keys): number {
  const changed = each(database, keys, ["paused"], ({ id }) => {
    database.statement("UPDATE jobs SET state = 'queued' WHERE id = ?").run(id);
  });
  // Holders that are about to pause give back all the same, and their jobs wait again.
  const isPausing = database.statement("SELECT 1 FROM jobs WHERE id = ? AND asked = 'pause'");
  each(database, keys, ["leased"], ({ id }) => {
    if (isPausing.get(id) !== undefined) ask(database, id, "yield");
  });
  return changed;
}

/** Jobs that were cancelled because one of these failed are not retried automatically. */
export function retryJobs(
  database: QueueDatabase,
  keys: Keys,
  { states, now }: { states: readonly JobState[]; now: number },
): number {
  const sql =
    "UPDATE jobs SET state = 'queued', failures = 0, losses = 0, ready = ?, ended = NULL WHERE id = ?";
  return each(database, keys, states, ({ id }) => void database.statement(sql).run(now, id));
}

export function prioritiseJobs(database: QueueDatabase, keys: Keys, priority: number): number {
  return each(database, keys, ["queued", "paused", "leased"], ({ id }) => {
    database.statement("UPDATE jobs SET priority = ? WHERE id = ?").run(priority, id);
  });
}

/** Deletes the rows of jobs that have ended, unless another job names one as its blocker. */
export function forgetJobs(database: QueueDatabase, keys: readonly string[]): number {
  const isBlocker = database.statement("SELECT 1 FROM blocks WHERE blocker = ?");
  const deletable = keys.filter((key) => {
    const [row] = named(database, [key]);
    return row !== undefined && isBlocker.get(row.id) === undefined;
  });
  return each(database, deletable, ["done", "failed", "cancelled"], ({ id }) => {
    for (const sql of ["DELETE FROM attempts WHERE job = ?", "DELETE FROM blocks WHERE job = ?"])
      database.statement(sql).run(id);
    database.statement("DELETE FROM jobs WHERE id = ?").run(id);
  });
}

/** A request to cancel is never replaced by a weaker one. */
function ask(database: QueueDatabase, id: number, asked: Asked): void {
  const sql = "UPDATE jobs SET asked = ? WHERE id = ? AND asked IS NOT 'cancel'";
  database.statement(sql).run(asked, id);
}

export function askAll(database: QueueDatabase, asked: Asked): void {
  each(database, undefined, ["leased"], ({ id }) => ask(database, id, asked));
}

function each(
  database: QueueDatabase,
  keys: Keys,
  states: readonly JobState[],
  body: (row: Row) => void,
): number {
  const rows = (keys === undefined ? all(database) : named(database, keys)).filter(({ state }) =>
    states.includes(state),
  );
  // The body may have ended a later job, for example one that needed the success of this one.
  const still = database.statement("SELECT state FROM jobs WHERE id = ?");
  return rows.filter((row) => {
    const { state } = still.get(row.id) as Row;
    if (!states.includes(state)) return false;
    body({ id: row.id, state });
    return true;
  }).length;
}

const all = (database: QueueDatabase): Row[] =>
  database.statement("SELECT id, state FROM jobs ORDER BY id").all() as Row[];

function named(database: QueueDatabase, keys: readonly string[]): Row[] {
  const find = database.statement("SELECT id, state FROM jobs WHERE key = ?");
  return keys.flatMap((key) => {
    const row = find.get(key) as Row | undefined;
    return row === undefined ? [] : [row];
  });
}
