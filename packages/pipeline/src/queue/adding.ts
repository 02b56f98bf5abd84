/** Adds jobs to the queue. */
import type { QueueDatabase } from "./database.js";
import { QueueError, QueueFullError } from "./errors.js";
import type { Blocker, NewJob, Needs } from "./jobs.js";

/** Must be called in a transaction. @returns how many are new   @throws QueueFullError, QueueError */
export function addJobs(
  database: QueueDatabase,
  jobs: readonly NewJob[],
  { now, maxWaiting }: { now: number; maxWaiting: number },
): number {
  const insert = database.statement(
    `INSERT INTO jobs (key, needs, payload, priority, state, blockers, ready, attempts, created)
     VALUES (?, ?, ?, ?, 'queued', ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING`,
  );
  const block = database.statement("INSERT INTO blocks VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
  let added = 0;
  for (const { key, kind = "", payload, needs = {}, priority = 0, after = [], attempts = 3 } of jobs) {
    const blockers = openBlockers(database, key, after);
    const text = JSON.stringify(payload ?? null);
    const { changes, lastInsertRowid } = insert.run(
      key,
      needsId(database, kind, needs),
      text,
      priority,
      blockers.length,
      now,
      attempts,
      now,
    );
    if (changes === 0) continue;
    added++;
    for (const { id, mustSucceed } of blockers) block.run(id, Number(lastInsertRowid), mustSucceed ? 1 : 0);
  }
  if (added > 0 && maxWaiting < Infinity) refuseMore(database, added, maxWaiting);
  return added;
}

/** Counts the waiting jobs after the insert; if there are too many, the transaction is rolled back. */
function refuseMore(database: QueueDatabase, added: number, maxWaiting: number): void {
  const sql = "SELECT count(*) AS waiting FROM jobs WHERE state IN ('queued', 'paused')";
  const { waiting } = database.statement(sql).get() as { waiting: number };
  if (waiting > maxWaiting) throw new QueueFullError(database.file, waiting - added, maxWaiting);
}

/** The blockers that have not ended yet. @throws QueueError if one does not exist, or failed and was needed */
function openBlockers(
  database: QueueDatabase,
  key: string,
  after: readonly Blocker[],
): { id: number; mustSucceed: boolean }[] {
  const find = database.statement("SELECT id, state FROM jobs WHERE key = ?");
  return after.flatMap((blocker) => {
    const row = find.get(blocker.key) as { id: number; state: string } | undefined;
    if (row === undefined)
      throw new QueueError(
        database.file,
        `job ${key} must wait for job ${blocker.key}, which does not exist`,
        "Add that job first.",
      );
    const { mustSucceed = false } = blocker;
    if (mustSucceed && (row.state === "failed" || row.state === "cancelled"))
      throw new QueueError(
        database.file,
        `job ${key} needs the success of job ${blocker.key}, which ${row.state === "failed" ? "failed" : "was cancelled"}`,
        "Retry that job first.",
      );
    return ["done", "failed", "cancelled"].includes(row.state) ? [] : [{ id: row.id, mustSucceed }];
  });
}

function needsId(database: QueueDatabase, kind: string, needs: Needs): number {
  const resources = JSON.stringify(
    Object.fromEntries(Object.entries(needs).sort(([a], [b]) => (a < b ? -1 : 1))),
  );
  const find = database.statement("SELECT id FROM needs WHERE kind = ? AND resources = ?");
  const row = find.get(kind, resources) as { id: number } | undefined;
  if (row !== undefined) return row.id;
  const insert = database.statement("INSERT INTO needs (kind, resources) VALUES (?, ?)");
  return Number(insert.run(kind, resources).lastInsertRowid);
}
