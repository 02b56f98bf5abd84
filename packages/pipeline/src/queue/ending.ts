/** Ends a job, with the consequences for jobs that wait for it. */
import type { QueueDatabase } from "./database.js";

export interface Ending {
  state: "done" | "failed" | "cancelled";
  result: unknown;
  error: string | null;
  now: number;
}

/**
 * Must be called in a transaction. If the job did not succeed, jobs that needed its success are cancelled; other jobs
 * that waited for it have one blocker less.
 */
export function endJob(database: QueueDatabase, id: number, { state, result, error, now }: Ending): void {
  database
    .statement(
      `UPDATE jobs SET state = ?, result = ?, error = ?, ended = ?, token = NULL, owner = NULL, until = NULL, asked = NULL
       WHERE id = ?`,
    )
    .run(state, JSON.stringify(result ?? null), error, now, id);
  const waiting = database
    .statement(
      `SELECT jobs.id, jobs.state, must_succeed AS mustSucceed FROM blocks JOIN jobs ON jobs.id = blocks.job
       WHERE blocker = ?`,
    )
    .all(id) as { id: number; state: string; mustSucceed: number }[];
  const unblock = database.statement("UPDATE jobs SET blockers = blockers - 1 WHERE id = ?");
  for (const job of waiting) {
    unblock.run(job.id);
    if (state === "done" || job.mustSucceed === 0 || !["queued", "paused"].includes(job.state)) continue;
    const why = `a job that it needs ${state === "failed" ? "failed" : "was cancelled"}`;
    endJob(database, job.id, { state: "cancelled", result: null, error: why, now });
  }
  // A job blocks others only until it first ends; after a retry it no longer blocks any.
  database.statement("DELETE FROM blocks WHERE blocker = ?").run(id);
}
