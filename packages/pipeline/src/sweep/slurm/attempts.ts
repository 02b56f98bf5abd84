/**
 * The attempts that were submitted for a sweep, and their state. Everything is read from the folders and from Slurm.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { makeFolder } from "../../data/make-folder.js";
import { writeFileAtomic } from "../../data/atomic.js";
import type { Slurm } from "../../slurm/client.js";
import { elementsOf, type JobFolder, type TaskOutcome } from "../../slurm/job-folder.js";
import type { Phase, SlurmJob } from "../../slurm/job.js";
import { nextSubmission, submissionsIn } from "../../slurm/submissions.js";
import { SweepError } from "../errors.js";

/**
 * slice: the slice stage, which trials may share; train: all later stages; score: validation predictions and
 * result.json.
 */
export const STAGES = ["slice", "train", "score"] as const;
export type Stage = (typeof STAGES)[number];

const member = z.strictObject({
  trial: z.string(),
  /** Factor by which the configured number of pieces per batch is multiplied. */
  pieces: z.int().min(1),
  /** Key (comment and element) of the attempt that it waits for. */
  parent: z.string().nullable(),
});
const stageFile = z.strictObject({ version: z.literal(1), stage: z.enum(STAGES), members: z.array(member) });
export type Member = z.infer<typeof member>;

export type AttemptState =
  /** @param id null as long as the number of its job is not known */
  | { is: "active"; phase: Phase; id: string | null }
  /** `isMemory`: its command was killed because the job used more memory than it may. */
  | { is: "ended"; outcome: TaskOutcome; isMemory: boolean }
  /**
   * It ended without an outcome. `state`: the last state in Slurm; null if Slurm no longer knows the job, or never did.
   * `signal`: the number of the one that ended its batch step.
   */
  | { is: "lost"; state: string | null; signal: number | null; isMemory: boolean };

export interface Attempt extends Member {
  stage: Stage;
  folder: JobFolder;
  comment: string;
  element: number;
  state: AttemptState;
  /** Queries to Slurm since it was last seen there. */
  missed: number;
}

/** The key by which an attempt is found among Slurm's jobs. */
export const attemptKey = ({ comment, element }: Pick<Attempt, "comment" | "element">): string =>
  `${comment} ${element}`;

/** States of jobs that Slurm ended for reasons unrelated to their command. */
export const OF_SLURM: ReadonlySet<string> = new Set([
  "BOOT_FAIL",
  "DEADLINE",
  "NODE_FAIL",
  "PREEMPTED",
  "REVOKED",
  "TIMEOUT",
]);

/** Queries to wait for an outcome: on a network file system, it may become visible later than the end of its job. */
const MOST_MISSED = 3;

const forgottenFile = (root: string): string => join(root, "forgotten.json");
const forgottenSchema = z.record(z.string(), z.int());

/** For each trial, the number of the last submission that no longer counts. */
function readForgotten(root: string): Record<string, number> {
  const file = forgottenFile(root);
  return existsSync(file)
    ? parsed(file, forgottenSchema, "Remove it: earlier failures then count again.")
    : {};
}

function parsed<T>(file: string, schema: z.ZodType<T>, remedy: string): T {
  try {
    return schema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    const problem = error instanceof z.ZodError ? error.issues[0]?.message : (error as Error).message;
    throw new SweepError(file, `expected a file that slicestack wrote (${problem})`, remedy);
  }
}

/** Discounts everything submitted for these trials so far. */
export function forgetAttempts(root: string, trials: readonly string[]): void {
  const last = Number(basename(submissionsIn(root).at(-1)?.path ?? "0"));
  if (trials.length === 0 || last === 0) return;
  const known = { ...readForgotten(root), ...Object.fromEntries(trials.map((trial) => [trial, last])) };
  writeFileAtomic(forgottenFile(root), `${JSON.stringify(known)}\n`);
}

const idOf = (job: number | null, element: number): string | null =>
  job === null ? null : `${job}_${element}`;

function lostState(attempt: Attempt, job: SlurmJob | undefined): AttemptState {
  const { state = null, signal = null } = job ?? {};
  return {
    is: "lost",
    state,
    signal,
    isMemory: (state === null || !OF_SLURM.has(state)) && isOverMemory(attempt, job),
  };
}

/**
 * Whether a killed job used more memory than it may. Where Slurm measures memory by itself instead of by cgroups, it
 * says so only in the log of the job.
 */
function isOverMemory({ folder, element }: Attempt, job: SlurmJob | undefined): boolean {
  if (job?.state === "OUT_OF_MEMORY") return true;
  const log = folder.log(element);
  return (
    existsSync(log) &&
    /oom[-_]kill|exceeded (job )?memory limit/i.test(readFileSync(log, "utf8").slice(-4000))
  );
}

export class Attempts {
  private readonly byTrial = new Map<string, Attempt[]>();
  private readonly keyed = new Map<string, Attempt>();
  private readonly open = new Set<Attempt>();
  private readonly forgotten: Readonly<Record<string, number>>;

  /** @param root the folder of the submissions */
  constructor(readonly root: string) {
    this.forgotten = readForgotten(root);
    for (const folder of submissionsIn(root)) this.add(folder);
  }

  /** All attempts at a stage of a trial, in order. */
  of(trial: string, stage: Stage): Attempt[] {
    return (this.byTrial.get(trial) ?? []).filter((attempt) => attempt.stage === stage);
  }

  byKey(key: string): Attempt | undefined {
    return this.keyed.get(key);
  }

  last(trial: string, stage: Stage): Attempt | undefined {
    return this.of(trial, stage).at(-1);
  }

  /** The attempts that are waiting or running, as far as is known. */
  active(): Attempt[] {
    return [...this.open];
  }

  /** Whether one that waited or ran was not seen the last time. */
  get hasMissed(): boolean {
    return this.active().some(({ missed }) => missed > 0);
  }

  /** Updates the states from Slurm and from the files with outcomes. @throws SlurmError */
  async refresh(slurm: Slurm): Promise<void> {
    if (this.open.size === 0) return;
    const jobs = new Map(
      (await slurm.jobs())
        .filter(({ element }) => element !== null)
        .map((job) => [attemptKey({ comment: job.comment, element: job.element! }), job]),
    );
    for (const attempt of this.open) {
      const job = jobs.get(attemptKey(attempt));
      const outcome = attempt.folder.outcome(attempt.element);
      if (job !== undefined && attempt.state.is === "active" && attempt.state.id === null)
        attempt.folder.noteJob(job.arrayJob);
      const isThere = job !== undefined && job.phase !== "ended";
      attempt.missed = isThere ? 0 : attempt.missed + 1;
      // Why a process was killed is known from the job's last state alone.
      const isKnown = outcome !== null && !(outcome.signal === "SIGKILL" && isThere);
      if (isKnown)
        attempt.state = {
          is: "ended",
          outcome,
          isMemory: outcome.signal === "SIGKILL" && isOverMemory(attempt, job),
        };
      else if (isThere) attempt.state = { is: "active", phase: job.phase, id: job.id };
      else if (attempt.missed >= MOST_MISSED) attempt.state = lostState(attempt, job);
      if (attempt.state.is !== "active") this.open.delete(attempt);
    }
  }

  /** Creates the folder for the next submission; its contents are saved before anything is submitted. */
  begin(stage: Stage, members: readonly Member[]): JobFolder {
    makeFolder(this.root);
    const folder = nextSubmission(this.root);
    const text = JSON.stringify(
      { version: 1, stage, members: [...members] } satisfies z.input<typeof stageFile>,
      null,
      1,
    );
    writeFileAtomic(join(folder.path, "stage.json"), `${text}\n`);
    return folder;
  }

  /** Adds a submission. One whose process was killed before submitting has no tasks. */
  add(folder: JobFolder): void {
    const [file, path] = [folder.read(), join(folder.path, "stage.json")];
    if (file === null || !existsSync(path)) return;
    const remedy = "Cancel the jobs of this submission, and remove its folder.";
    const { stage, members } = parsed(path, stageFile, remedy);
    elementsOf(file).forEach((element, k) => {
      const member = members[k];
      if (member === undefined || Number(basename(folder.path)) <= (this.forgotten[member.trial] ?? 0))
        return;
      const state: AttemptState = { is: "active", phase: "waiting", id: idOf(file.job, element) };
      const attempt: Attempt = { ...member, stage, folder, comment: file.comment, element, state, missed: 0 };
      const known = this.byTrial.get(member.trial);
      if (known === undefined) this.byTrial.set(member.trial, [attempt]);
      else known.push(attempt);
      this.keyed.set(attemptKey(attempt), attempt);
      this.open.add(attempt);
    });
  }
}
