/** Reads jobs as described by `squeue --json`, whose format differs between Slurm 22.05 and 24.11. */
import { z } from "zod";
import { arrayTasks } from "./array-tasks.js";
import { SlurmError } from "./errors.js";

export type Phase = "waiting" | "running" | "ended";

export interface SlurmJob {
  /** The name used in Slurm's commands: "17", or "17_3" for an element of an array. */
  id: string;
  /** The number of the whole array, or that of the job if it is not part of an array. */
  arrayJob: number;
  /** Index within the array; null for a job that is not part of an array. */
  element: number | null;
  /** One of Slurm's base states, e.g. PENDING, RUNNING, COMPLETED, NODE_FAIL. */
  state: string;
  phase: Phase;
  /** Why it waits or ended, as named by Slurm, e.g. JobArrayTaskLimit; "" if Slurm gives no reason. */
  reason: string;
  comment: string;
  name: string;
  user: string;
  /** How often it was requeued. */
  restarts: number;
  /** Exit code of the batch script; null if a signal ended it, or while it has not ended. */
  exitCode: number | null;
  /** Number of the signal that ended it. */
  signal: number | null;
  nodes: string;
}

const ENDED = new Set([
  "BOOT_FAIL",
  "CANCELLED",
  "COMPLETED",
  "DEADLINE",
  "FAILED",
  "NODE_FAIL",
  "OUT_OF_MEMORY",
  "PREEMPTED",
  "REVOKED",
  "TIMEOUT",
]);
const WAITING = new Set([
  "PENDING",
  "REQUEUED",
  "REQUEUE_FED",
  "REQUEUE_HOLD",
  "RESV_DEL_HOLD",
  "SPECIAL_EXIT",
]);
const BASE = new Set([...ENDED, "PENDING", "RUNNING", "SUSPENDED"]);

/** Since Slurm 23.02: a number that may be unset or infinite. Before: a plain number, or null. */
const number = z.union([
  z.number(),
  z.null(),
  z.object({ set: z.boolean().optional(), infinite: z.boolean().optional(), number: z.number().optional() }),
]);
const word = z.string().nullable().optional();

/** Since Slurm 23.11 an object with the exit code and signal; before, the status as returned by wait(). */
const exit = z.union([
  z.number(),
  z.null(),
  z.object({
    set: z.boolean().optional(),
    number: z.number().optional(),
    return_code: number.optional(),
    signal: z.object({ id: number.optional(), signal_id: number.optional() }).optional(),
  }),
]);

const entry = z.object({
  job_id: number,
  array_job_id: number.optional(),
  array_task_id: number.optional(),
  array_task_string: word,
  job_state: z.union([z.string(), z.array(z.string())]),
  state_reason: word,
  comment: z.union([z.string(), z.null(), z.object({ job: word })]).optional(),
  name: word,
  user_name: word,
  restart_cnt: number.optional(),
  exit_code: exit.optional(),
  nodes: word,
});
const answer = z.object({ jobs: z.array(entry) });

/**
 * Parses the output of `squeue --json`. Array elements that wait together in one entry become one job each.
 * @throws SlurmError if the output is not of this form
 */
export function parseJobs(text: string): SlurmJob[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw unreadable(`it begins with ${JSON.stringify(text.slice(0, 80))}`, cause);
  }
  const { success, data, error } = answer.safeParse(parsed);
  if (success) return data.jobs.flatMap(jobsOf);
  const { path, message } = error.issues[0]!;
  throw unreadable(`${path.join(".")}: ${message}`, error);
}

function unreadable(detail: string, cause: unknown): SlurmError {
  return new SlurmError(
    `squeue --json: expected JSON in the format of Slurm 22.05 or newer, received something else (${detail})`,
    "Slurm must have been built with JSON support.",
    { cause },
  );
}

function jobsOf(job: z.infer<typeof entry>): SlurmJob[] {
  const id = valueOf(job.job_id) ?? 0;
  const array = valueOf(job.array_job_id) ?? 0;
  const task = valueOf(job.array_task_id);
  const common = { ...stateOf(job.job_state), ...endOf(job.exit_code) };
  const words = {
    reason: job.state_reason === "None" ? "" : (job.state_reason ?? ""),
    comment: typeof job.comment === "object" ? (job.comment?.job ?? "") : (job.comment ?? ""),
    name: job.name ?? "",
    user: job.user_name ?? "",
    nodes: job.nodes ?? "",
    restarts: valueOf(job.restart_cnt) ?? 0,
  };
  const ended = common.phase === "ended" ? {} : { exitCode: null, signal: null };
  const element = (index: number) => ({ id: `${array}_${index}`, arrayJob: array, element: index });
  const waiting = job.array_task_string ?? "";
  if (waiting.endsWith("..."))
    throw new SlurmError(
      `squeue --json: expected all waiting elements of job ${array}, received the first of them (${waiting})`,
      "Slurm cuts the list unless SLURM_BITSTR_LEN is 0, which slicestack sets: check that squeue is Slurm's own.",
    );
  // The entry that represents the waiting elements has no index of its own.
  const places =
    array === 0
      ? [{ id: String(id), arrayJob: id, element: null }]
      : task === null
        ? arrayTasks(waiting).map(element)
        : [element(task)];
  return places.map((place) => ({ ...place, ...common, ...words, ...ended }));
}

function valueOf(field: z.infer<typeof number> | undefined): number | null {
  if (field === undefined || field === null) return null;
  if (typeof field === "number") return field;
  return field.set === false || field.infinite === true ? null : (field.number ?? null);
}

/** "COMPLETING" means that processes may still run, whatever the final state of the job. */
function stateOf(field: string | readonly string[]): { state: string; phase: Phase } {
  const words = (typeof field === "string" ? field.split(/[,+ ]+/) : field).filter((word) => word !== "");
  const state = words.find((word) => BASE.has(word)) ?? words[0] ?? "UNKNOWN";
  const isCompleting = words.includes("COMPLETING");
  if (words.some((word) => WAITING.has(word))) return { state, phase: "waiting" };
  return { state, phase: ENDED.has(state) && !isCompleting ? "ended" : "running" };
}

function endOf(field: z.infer<typeof exit> | undefined): Pick<SlurmJob, "exitCode" | "signal"> {
  if (field === undefined || field === null) return { exitCode: null, signal: null };
  if (typeof field === "number") return ofWaitStatus(field);
  const signal = valueOf(field.signal?.id ?? field.signal?.signal_id);
  if (field.return_code === undefined) return ofWaitStatus(field.set === false ? 0 : (field.number ?? 0));
  if (signal !== null && signal > 0) return { exitCode: null, signal };
  return { exitCode: valueOf(field.return_code), signal: null };
}

function ofWaitStatus(status: number): Pick<SlurmJob, "exitCode" | "signal"> {
  const signal = status & 0x7f;
  return signal === 0 ? { exitCode: (status >> 8) & 0xff, signal: null } : { exitCode: null, signal };
}
