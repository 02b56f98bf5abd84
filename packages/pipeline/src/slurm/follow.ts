/** Waits for the tasks of a submission and forwards their output. */
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { StringDecoder } from "node:string_decoder";
import { setTimeout as pause } from "node:timers/promises";
import type { Slurm } from "./client.js";
import { SlurmError } from "./errors.js";
import type { SlurmJob } from "./job.js";
import { elementsOf, type JobFolder, type TaskOutcome } from "./job-folder.js";

/** Forwards the content of a growing file, from its beginning. */
export class FileTail {
  #read = 0;
  readonly #decoder = new StringDecoder("utf8");

  constructor(
    private readonly path: string,
    private readonly onText: (text: string) => void,
  ) {}

  async pump(): Promise<void> {
    if (!existsSync(this.path)) return;
    const handle = await open(this.path);
    try {
      const buffer = new Uint8Array(65_536);
      for (;;) {
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, this.#read);
        if (bytesRead === 0) return;
        this.#read += bytesRead;
        this.onText(this.#decoder.write(Buffer.from(buffer.buffer, 0, bytesRead)));
      }
    } finally {
      await handle.close();
    }
  }
}

export interface Following {
  /** Seconds between two queries to Slurm; files are checked at least every second. */
  pollSeconds?: number;
  /** On abort, the jobs are cancelled: running tasks save their state and stop. */
  signal?: AbortSignal;
  /** Called with one line about the state of the jobs whenever it changes. */
  onLog?: (line: string) => void;
  /** Called at least every second, for example to forward logs. */
  onTick?: () => Promise<void>;
}

/** Slurm may show a job as ended before the file with its outcome is visible on this machine. */
const POLLS_WITHOUT_OUTCOME = 3;

/**
 * Waits until every task has ended.
 * @returns their outcomes, in the order of the tasks
 * @throws SlurmError if one was killed, cancelled or lost
 */
export async function followTasks(
  slurm: Slurm,
  folder: JobFolder,
  following: Following = {},
): Promise<TaskOutcome[]> {
  const { pollSeconds = 10, signal, onLog, onTick } = following;
  const file = folder.read();
  if (file === null)
    throw new SlurmError(`${folder.file}: expected a submission, found none`, "Submit it again.");
  const elements = elementsOf(file);
  const outcomes = file.tasks.map((): TaskOutcome | null => null);
  const missed = file.tasks.map(() => 0);
  let told = "";
  let cancelled = false;
  for (let nextPoll = 0; ;) {
    await onTick?.();
    outcomes.forEach((known, k) => (outcomes[k] = known ?? folder.outcome(elements[k]!)));
    if (outcomes.every((outcome) => outcome !== null)) {
      await onTick?.();
      return outcomes;
    }
    if (signal?.aborted === true && !cancelled) {
      await cancelSubmission(slurm, folder);
      cancelled = true;
    }
    if (performance.now() >= nextPoll) {
      nextPoll = performance.now() + pollSeconds * 1000;
      const jobs = (await slurm.jobs()).filter(({ comment }) => comment === file.comment);
      const line = stateText(jobs);
      if (line !== told) onLog?.((told = line));
      outcomes.forEach((known, k) => {
        const job = jobs.find(({ element }) => element === elements[k]);
        const isLost = known === null && (job === undefined || job.phase === "ended");
        missed[k] = isLost ? missed[k]! + 1 : 0;
        if (missed[k] >= POLLS_WITHOUT_OUTCOME) throw lost(folder, elements[k]!, job, cancelled);
      });
    }
    await pause(Math.min(1000, pollSeconds * 1000));
  }
}

function lost(folder: JobFolder, element: number, job: SlurmJob | undefined, cancelled: boolean): Error {
  const how = job === undefined ? "is no longer known to Slurm" : `ended as ${job.state}`;
  if (cancelled) return Object.assign(new Error("the jobs were cancelled"), { name: "AbortError" });
  const name = job === undefined ? `task ${element} of ${folder.path}` : `Slurm job ${job.id}`;
  const why = job === undefined || job.reason === "" ? "" : ` (${job.reason})`;
  return new SlurmError(
    `${name} ${how}${why} without a result`,
    `See its log: ${folder.log(element)}. Run the same command to resume it from the last saved state.`,
  );
}

/** Removes waiting jobs from the queue; running tasks save their state and stop. @throws SlurmError */
export async function cancelSubmission(slurm: Slurm, folder: JobFolder): Promise<void> {
  const file = folder.read();
  if (file === null) return;
  folder.markCancelled();
  const jobs = (await slurm.jobs()).filter(
    ({ comment, phase }) => comment === file.comment && phase !== "ended",
  );
  const waiting = jobs.filter(({ phase }) => phase === "waiting").map(({ id }) => id);
  if (waiting.length > 0) await slurm.cancel(waiting);
  for (const { id, phase } of jobs) if (phase === "running") await slurm.signal(id, "USR1");
}

/** "Slurm job 17: 3 running, 5 waiting (Resources)". */
export function stateText(jobs: readonly SlurmJob[]): string {
  const [first] = jobs;
  if (first === undefined) return "Slurm does not show the job yet";
  const counts = (["running", "waiting", "ended"] as const).flatMap((phase) => {
    const of = jobs.filter((job) => job.phase === phase);
    if (of.length === 0) return [];
    const reasons = [...new Set(of.map(({ reason }) => reason))].filter((reason) => reason !== "");
    return [
      `${of.length} ${phase}${phase === "waiting" && reasons.length > 0 ? ` (${reasons.join(", ")})` : ""}`,
    ];
  });
  return `Slurm job ${first.arrayJob}: ${counts.join(", ")}`;
}
