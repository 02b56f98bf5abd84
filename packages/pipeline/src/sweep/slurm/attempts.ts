/** What was submitted for a sweep, and what became of it: read from its folders and from Slurm, nothing else is kept. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../../data/atomic.js";
import type { Slurm } from "../../slurm/client.js";
import { elementsOf, type JobFolder, type TaskOutcome } from "../../slurm/job-folder.js";
import type { Phase } from "../../slurm/job.js";
import { nextSubmission, submissionsIn } from "../../slurm/submissions.js";

/** slice: the slice stage, which other trials may share; train: all later stages; score: predictions of val, and result.json. */
export const STAGES = ["slice", "train", "score"] as const;
export type Stage = (typeof STAGES)[number];

const member = z.strictObject({
  trial: z.string(),
  /** Pieces of a batch, times those of the configuration. */
  pieces: z.int().min(1),
  /** Comment and element of the attempt that it waits for. */
  parent: z.string().nullable(),
});
const stageFile = z.strictObject({ version: z.literal(1), stage: z.enum(STAGES), members: z.array(member) });
export type Member = z.infer<typeof member>;

export type AttemptState =
  | { is: "active"; phase: Phase; id: string }
  | { is: "ended"; outcome: TaskOutcome }
  /** It ended without a word. @param state Slurm's last word; null where Slurm has forgotten it, or never had it */
  | { is: "lost"; state: string | null };

export interface Attempt extends Member {
  stage: Stage;
  folder: JobFolder;
  comment: string;
  element: number;
  state: AttemptState;
  /** Questions to Slurm since it was last seen there. */
  missed: number;
}

/** By which an attempt is found in Slurm's list. */
export const attemptKey = ({ comment, element }: Pick<Attempt, "comment" | "element">): string =>
  `${comment} ${element}`;

/** A job that has ended may be seen before its outcome has reached this machine, as on a network file system. */
const MOST_MISSED = 3;

const forgottenFile = (root: string): string => join(root, "forgotten.json");
const forgottenSchema = z.record(z.string(), z.int());

/** Trial → number of its last submission that no longer counts. */
function readForgotten(root: string): Record<string, number> {
  const file = forgottenFile(root);
  return existsSync(file) ? forgottenSchema.parse(JSON.parse(readFileSync(file, "utf8"))) : {};
}

/** From now on, what was submitted for these trials so far does not count. */
export function forgetAttempts(root: string, trials: readonly string[]): void {
  const last = Number(basename(submissionsIn(root).at(-1)?.path ?? "0"));
  if (trials.length === 0 || last === 0) return;
  const known = { ...readForgotten(root), ...Object.fromEntries(trials.map((trial) => [trial, last])) };
  writeFileAtomic(forgottenFile(root), `${JSON.stringify(known)}\n`);
}

export class Attempts {
  private readonly byTrial = new Map<string, Attempt[]>();
  private readonly keyed = new Map<string, Attempt>();
  private readonly open = new Set<Attempt>();
  private readonly forgotten: Readonly<Record<string, number>>;

  /** @param root folder of the submissions */
  constructor(readonly root: string) {
    this.forgotten = readForgotten(root);
    for (const folder of submissionsIn(root)) this.add(folder);
  }

  /** All attempts of a stage of a trial, in their order. */
  of(trial: string, stage: Stage): Attempt[] {
    return (this.byTrial.get(trial) ?? []).filter((attempt) => attempt.stage === stage);
  }

  byKey(key: string): Attempt | undefined {
    return this.keyed.get(key);
  }

  last(trial: string, stage: Stage): Attempt | undefined {
    return this.of(trial, stage).at(-1);
  }

  /** Those that wait or run, as far as is known. */
  active(): Attempt[] {
    return [...this.open];
  }

  /** Asks Slurm, and looks for outcomes. @throws SlurmError */
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
      const isThere = job !== undefined && job.phase !== "ended";
      attempt.missed = isThere ? 0 : attempt.missed + 1;
      if (outcome !== null) attempt.state = { is: "ended", outcome };
      else if (isThere) attempt.state = { is: "active", phase: job.phase, id: job.id };
      else if (attempt.missed >= MOST_MISSED) attempt.state = { is: "lost", state: job?.state ?? null };
      if (attempt.state.is !== "active") this.open.delete(attempt);
    }
  }

  /** A folder for the next submission; what it holds is written down before Slurm hears of it. */
  begin(stage: Stage, members: readonly Member[]): JobFolder {
    mkdirSync(this.root, { recursive: true });
    const folder = nextSubmission(this.root);
    const text = JSON.stringify(
      { version: 1, stage, members: [...members] } satisfies z.input<typeof stageFile>,
      null,
      1,
    );
    writeFileAtomic(join(folder.path, "stage.json"), `${text}\n`);
    return folder;
  }

  /** Takes up a submission; one that a kill came before has no tasks. */
  add(folder: JobFolder): void {
    const [file, path] = [folder.read(), join(folder.path, "stage.json")];
    if (file === null || !existsSync(path)) return;
    const { stage, members } = stageFile.parse(JSON.parse(readFileSync(path, "utf8")));
    elementsOf(file).forEach((element, k) => {
      const member = members[k];
      if (member === undefined || Number(basename(folder.path)) <= (this.forgotten[member.trial] ?? 0)) return;
      const state: AttemptState = { is: "active", phase: "waiting", id: `${file.job}_${element}` };
      const attempt: Attempt = { ...member, stage, folder, comment: file.comment, element, state, missed: 0 };
      const known = this.byTrial.get(member.trial);
      if (known === undefined) this.byTrial.set(member.trial, [attempt]);
      else known.push(attempt);
      this.keyed.set(attemptKey(attempt), attempt);
      this.open.add(attempt);
    });
  }
}
