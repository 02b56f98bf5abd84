/** Chooses the job that is leased next. */
import type { QueueDatabase } from "./database.js";
import type { Needs } from "./jobs.js";

/** Whether any job could be leased now, regardless of the resources that it needs. */
export function hasReady(database: QueueDatabase, now: number): boolean {
  const sql = "SELECT 1 FROM jobs WHERE state = 'queued' AND blockers = 0 AND ready <= ? LIMIT 1";
  return database.statement(sql).get(now) !== undefined;
}

interface Choice {
  kinds: readonly string[] | null;
  fits: (needs: Needs, kind: string) => boolean;
  now: number;
}

/** The most urgent job that fits; ties go to the oldest. Takes one index lookup for each kind of need. */
export function nextReady(database: QueueDatabase, { kinds, fits, now }: Choice): number | null {
  const classes = database.statement("SELECT id, kind, resources FROM needs").all() as NeedsRow[];
  const first = database.statement(
    `SELECT id, priority FROM jobs WHERE needs = ? AND state = 'queued' AND blockers = 0 AND ready <= ?
     ORDER BY priority DESC, id LIMIT 1`,
  );
  let best: Candidate | null = null;
  for (const { id, kind, resources } of classes) {
    if (kinds !== null && !kinds.includes(kind)) continue;
    const next = first.get(id, now) as Candidate | undefined;
    if (next === undefined || !isSooner(next, best)) continue;
    if (fits(JSON.parse(resources) as Needs, kind)) best = next;
  }
  return best?.id ?? null;
}

interface NeedsRow {
  id: number;
  kind: string;
  resources: string;
}

interface Candidate {
  id: number;
  priority: number;
}

const isSooner = (next: Candidate, best: Candidate | null): boolean =>
  best === null || next.priority > best.priority || (next.priority === best.priority && next.id < best.id);
