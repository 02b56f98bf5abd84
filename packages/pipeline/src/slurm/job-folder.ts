/**
 * The folder of a submission: what its tasks run (job.json), what they printed (task-K.out), and how they ended
 * (task-K.json). Task K is element K of a job array, even if there is only one task.
 */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { makeFolder } from "../data/make-folder.js";
import { shellWord } from "../command-line.js";
import { writeFileAtomic } from "../data/atomic.js";
import { codeOf } from "../data/error-code.js";
import { arrayText } from "./array-tasks.js";
import type { Slurm } from "./client.js";
import { SlurmError } from "./errors.js";
import { STOP_FILE } from "./stop-requests.js";

const task = z.strictObject({
  /** Index in the array; default its position in the list. Dependent tasks of two arrays must have the same index. */
  element: z.int().min(0).optional(),
  /** Program and arguments. */
  command: z.array(z.string()).min(1),
  /** The command that runs instead of `command` once `file` exists, to continue what an earlier start began. */
  again: z.strictObject({ exists: z.string(), command: z.array(z.string()).min(1) }).optional(),
});
const file = z.strictObject({
  version: z.literal(1),
  /** The comment of the job, by which it is recognised in Slurm's queue. */
  comment: z.string(),
  /** The number of the job; null until Slurm has accepted it. */
  job: z.int().nullable(),
  /** A prefix of each command, e.g. srun with its options. If empty, the command runs in the batch step. */
  launcher: z.array(z.string()),
  /** Exit codes that count as success for Slurm's dependencies. */
  success: z.array(z.int()),
  /** While one of these files exists, a task that was stopped is not requeued. */
  cancelled: z.array(z.string()),
  /** While one of these files exists, a task that was stopped is requeued, but does not start until it is released. */
  held: z.array(z.string()).default([]),
  /** A task fails after this many requeues: its time limit is too short to make progress. */
  mostRestarts: z.int(),
  tasks: z.array(task).min(1),
});

export type JobTask = z.infer<typeof task>;
export type JobFile = z.infer<typeof file>;

/** How a task ended. Absent for a task that was requeued, or killed together with its batch script. */
const outcome = z.strictObject({
  /** Exit code of the command; null if a signal ended it. */
  code: z.int().nullable(),
  signal: z.string().nullable(),
  /** Whether it was asked to stop, and did so. */
  stopped: z.boolean(),
  /** Whether Slurm refused to requeue it after that, so that it must be submitted again. */
  refused: z.boolean().optional(),
  job: z.string(),
  restarts: z.int(),
  host: z.string(),
  seconds: z.number(),
});
export type TaskOutcome = z.infer<typeof outcome>;

/** Options of sbatch by long name, e.g. { partition: "gpu", mem: "16G" }. */
export type SbatchOptions = Readonly<Record<string, string | number | boolean>>;

/** Options of sbatch that Slicestack sets itself, each with the reason or the alternative. */
const RESERVED: Readonly<Record<string, string>> = {
  array: "Slicestack sets the array indices itself.",
  chdir: "Jobs start in the folder in which the command was run.",
  comment: "Slicestack finds its jobs by their comment.",
  dependency: "Slicestack orders the stages itself.",
  error: "The log is kept beside the job.",
  "kill-on-invalid-dep": "Slicestack sets it.",
  "no-requeue": "Slicestack requeues tasks that have saved their state.",
  "open-mode": "The log of a requeued job is continued.",
  output: "The log is kept beside the job.",
  parsable: "Slicestack sets it.",
  requeue: "Slicestack sets it.",
  signal: "Use stop_before to set the time for saving.",
  wait: "Slicestack waits by itself.",
  wrap: "Slicestack provides the command.",
};

/** @throws SlurmError if an option is set by Slicestack itself, or is not a long name */
export function checkOptions(options: SbatchOptions): void {
  for (const name of Object.keys(options)) {
    const reserved = Object.hasOwn(RESERVED, name) ? RESERVED[name] : undefined;
    if (reserved !== undefined) throw new SlurmError(`sbatch option ${name}: reserved`, reserved);
    if (!/^[a-z][a-z0-9-]*$/.test(name))
      throw new SlurmError(
        `sbatch option ${JSON.stringify(name)}: expected a long option name such as partition`,
        "See man sbatch for the list.",
      );
  }
}

export interface Submitting {
  /** Name of the jobs in squeue. */
  name: string;
  tasks: readonly JobTask[];
  options: SbatchOptions;
  /** Seconds before the time limit at which a task is asked to save and stop. */
  stopBefore: number;
  launcher?: readonly string[];
  success?: readonly number[];
  /** Further files that prevent requeueing while they exist. */
  cancelled?: readonly string[];
  /** Files that keep a requeued task from starting while they exist. */
  held?: readonly string[];
  mostRestarts?: number;
  /** The most tasks that may run at the same time. */
  throttle?: number | undefined;
  /** In the form of sbatch, e.g. "aftercorr:17". A task is cancelled if its dependency can no longer be satisfied. */
  dependency?: string | undefined;
  /** Whether to log the error stream of a task in task-K.err instead of task-K.out. Default false. */
  separateErrors?: boolean;
  /** Whether a full queue is an error at once, because the task will be submitted again. Default false. */
  refuseFull?: boolean;
}

export class JobFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
  }

  get file(): string {
    return join(this.path, "job.json");
  }
  /** While this file exists, no task of this submission is requeued. */
  get cancelFile(): string {
    return join(this.path, "cancelled");
  }
  log(element: number, stream: "out" | "err" = "out"): string {
    return join(this.path, `task-${element}.${stream}`);
  }
  outcomeFile(element: number): string {
    return join(this.path, `task-${element}.json`);
  }

  /** Prevents further requeueing of this submission. */
  markCancelled(): void {
    writeFileAtomic(this.cancelFile, "");
  }

  /** @returns null if nothing was submitted from this folder   @throws SlurmError if job.json is damaged */
  read(): JobFile | null {
    return readJson(this.file, file);
  }

  /** @returns null if the task has recorded no outcome */
  outcome(element: number): TaskOutcome | null {
    return readJson(this.outcomeFile(element), outcome);
  }

  writeOutcome(element: number, ended: TaskOutcome): void {
    writeFileAtomic(this.outcomeFile(element), `${JSON.stringify(ended)}\n`);
  }

  /**
   * Submits the tasks as one job array. The comment is saved first, so that if this process dies, the next one can find
   * the job by it.
   * @throws SlurmError, SlurmFullError
   */
  async submit(slurm: Slurm, submitting: Submitting): Promise<number> {
    const {
      tasks,
      throttle,
      stopBefore,
      dependency,
      name,
      separateErrors = false,
      refuseFull = false,
    } = submitting;
    checkOptions(submitting.options);
    makeFolder(this.path);
    const record: JobFile = {
      version: 1,
      comment: `slicestack ${randomBytes(8).toString("hex")}`,
      job: null,
      launcher: [...(submitting.launcher ?? [])],
      success: [...(submitting.success ?? [0])],
      cancelled: [this.cancelFile, ...(submitting.cancelled ?? [])],
      held: [...(submitting.held ?? [])],
      mostRestarts: submitting.mostRestarts ?? 200,
      tasks: [...tasks],
    };
    this.#write(record);
    const job = await slurm.submit({
      script: this.#script(),
      comment: record.comment,
      refuseFull,
      options: {
        "job-name": name,
        ...submitting.options,
        array: arrayText(elementsOf(record), throttle),
        chdir: process.cwd(),
        output: this.#pattern("out"),
        ...(separateErrors ? { error: this.#pattern("err") } : {}),
        "open-mode": "append",
        requeue: true,
        signal: `B:USR1@${stopBefore}`,
        ...(dependency === undefined ? {} : { dependency, "kill-on-invalid-dep": "yes" }),
      },
    });
    this.#write({ ...record, job });
    return job;
  }

  /** In sbatch's form, in which % begins a placeholder. */
  #pattern(stream: "out" | "err"): string {
    return join(this.path.replaceAll("%", "%%"), `task-%a.${stream}`);
  }

  /** Writes down the number of a job that was found by its comment: a kill came before it was known. */
  noteJob(job: number): void {
    const record = this.read();
    if (record !== null && record.job === null) this.#write({ ...record, job });
  }

  #write(record: JobFile): void {
    writeFileAtomic(this.file, `${JSON.stringify(record, null, 1)}\n`);
  }

  /**
   * The shell notes requests to stop in a file, because Slurm sends its warning once, and a runner that is still being
   * loaded would not hear it. The exit code is that of the runner.
   */
  #script(): string {
    const runner = fileURLToPath(new URL("run-job.js", import.meta.url));
    return `#!/bin/bash
export ${STOP_FILE}="$(mktemp --dry-run)"
trap 'touch "$${STOP_FILE}"' USR1 TERM
${[process.execPath, runner, this.path].map(shellWord).join(" ")} &
runner=$!
while wait "$runner"; kill -0 "$runner" 2>/dev/null; do :; done
wait "$runner"
code=$?
rm -f "$${STOP_FILE}"
exit $code
`;
  }
}

function readJson<T>(path: string, schema: z.ZodType<T>): T | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new SlurmError(
      `${path}: expected a file written by Slicestack, received something else`,
      "Remove it.",
      {
        cause,
      },
    );
  }
}

/** The array indices, in the order of the tasks. */
export const elementsOf = ({ tasks }: Pick<JobFile, "tasks">): number[] =>
  tasks.map(({ element }, k) => element ?? k);

/** The command with which a task would start now. */
export function commandOf({ command, again }: JobTask): readonly string[] {
  return again !== undefined && existsSync(again.exists) ? again.command : command;
}
