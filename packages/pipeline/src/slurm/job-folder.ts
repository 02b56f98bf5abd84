/**
 * A folder for each submission: what its tasks run (job.json), what they printed (task-K.out), and how they ended
 * (task-K.json). Task K is element K of a job array, also where there is one alone.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { shellWord } from "../command-line.js";
import { writeFileAtomic } from "../data/atomic.js";
import { codeOf } from "../data/error-code.js";
import { arrayText } from "./array-tasks.js";
import type { Slurm } from "./client.js";
import { SlurmError } from "./errors.js";

const task = z.strictObject({
  /** Index in the array; default its place in the list. Elements of two arrays that depend on each other have the same. */
  element: z.int().min(0).optional(),
  /** Program and arguments. */
  command: z.array(z.string()).min(1),
  /** What runs in place of `command` once this file exists: it continues what an earlier start began. */
  again: z.strictObject({ exists: z.string(), command: z.array(z.string()).min(1) }).optional(),
});
const file = z.strictObject({
  version: z.literal(1),
  /** The comment of the job, by which Slurm shows whose it is. */
  comment: z.string(),
  /** Its number; null until Slurm has taken it. */
  job: z.int().nullable(),
  /** Words before each command, e.g. srun with its options; none: the command runs in the batch step. */
  launcher: z.array(z.string()),
  /** Exit codes that count as success, as Slurm's dependencies see it. */
  success: z.array(z.int()),
  /** While one of these files exists, a task that was stopped is not requeued. */
  cancelled: z.array(z.string()),
  /** A task that was requeued this often fails: its time limit is too short to get anywhere. */
  mostRestarts: z.int(),
  tasks: z.array(task).min(1),
});

export type JobTask = z.infer<typeof task>;
export type JobFile = z.infer<typeof file>;

/** How a task ended; there is none of one that was killed with its batch script, or was requeued. */
const outcome = z.strictObject({
  /** Exit code of the command; null where a signal ended it. */
  code: z.int().nullable(),
  signal: z.string().nullable(),
  /** It was asked to stop, and did so. */
  stopped: z.boolean(),
  job: z.string(),
  restarts: z.int(),
  host: z.string(),
  seconds: z.number(),
});
export type TaskOutcome = z.infer<typeof outcome>;

/** Options of sbatch by long name, as in a configuration: { partition: "gpu", mem: "16G" }. */
export type SbatchOptions = Readonly<Record<string, string | number | boolean>>;

/** Set by slicestack itself; `option` of sbatch -> what to do instead. */
const RESERVED: Readonly<Record<string, string>> = {
  array: "Slicestack numbers the elements itself.",
  chdir: "Jobs start in the folder of the command.",
  comment: "Slicestack finds its jobs by their comment.",
  dependency: "Slicestack orders the stages itself.",
  error: "The log is kept beside the job.",
  "kill-on-invalid-dep": "Slicestack sets it.",
  "no-requeue": "Slicestack requeues what was saved.",
  "open-mode": "The log of a requeued job continues.",
  output: "The log is kept beside the job.",
  parsable: "Slicestack sets it.",
  requeue: "Slicestack sets it.",
  signal: "Give the time to save as stop_before instead.",
  wait: "Slicestack waits by itself.",
  wrap: "Slicestack gives the command.",
};

/** @throws SlurmError where one of them is set by slicestack itself, or is no long name */
export function checkOptions(options: SbatchOptions): void {
  for (const name of Object.keys(options)) {
    const reserved = Object.hasOwn(RESERVED, name) ? RESERVED[name] : undefined;
    if (reserved !== undefined)
      throw new SlurmError(`sbatch option ${name}: expected an option that is left to you`, reserved);
    if (!/^[a-z][a-z0-9-]*$/.test(name))
      throw new SlurmError(
        `sbatch option ${JSON.stringify(name)}: expected a long name, as in partition: gpu`,
        "man sbatch lists them.",
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
  /** Files beside the folder's own that say that nothing is requeued any more. */
  cancelled?: readonly string[];
  mostRestarts?: number;
  /** Tasks that may run at a time. */
  throttle?: number | undefined;
  /** sbatch's own form, e.g. "aftercorr:17"; a task whose dependency cannot be met any more is cancelled. */
  dependency?: string | undefined;
  /** One log for both streams of a task, or task-K.err beside task-K.out. Default: one. */
  separateErrors?: boolean;
}

export class JobFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
  }

  get file(): string {
    return join(this.path, "job.json");
  }
  /** While it exists, nothing of this submission is requeued. */
  get cancelFile(): string {
    return join(this.path, "cancelled");
  }
  log(element: number, stream: "out" | "err" = "out"): string {
    return join(this.path, `task-${element}.${stream}`);
  }
  outcomeFile(element: number): string {
    return join(this.path, `task-${element}.json`);
  }

  /** From now on nothing of this submission is requeued. */
  markCancelled(): void {
    writeFileAtomic(this.cancelFile, "");
  }

  /** @returns null where nothing was submitted from this folder @throws SlurmError where it is damaged */
  read(): JobFile | null {
    return readJson(this.file, file);
  }

  /** @returns null while the task has not ended by itself */
  outcome(element: number): TaskOutcome | null {
    return readJson(this.outcomeFile(element), outcome);
  }

  writeOutcome(element: number, ended: TaskOutcome): void {
    writeFileAtomic(this.outcomeFile(element), `${JSON.stringify(ended)}\n`);
  }

  /**
   * Submits the tasks as one job array. The comment is written down before: where this process ends in between, the next
   * one finds the job by it.
   * @throws SlurmError, SlurmFullError
   */
  async submit(slurm: Slurm, submitting: Submitting): Promise<number> {
    const { tasks, throttle, stopBefore, dependency, name, separateErrors = false } = submitting;
    checkOptions(submitting.options);
    mkdirSync(this.path, { recursive: true });
    const record: JobFile = {
      version: 1,
      comment: `slicestack ${randomBytes(8).toString("hex")}`,
      job: null,
      launcher: [...(submitting.launcher ?? [])],
      success: [...(submitting.success ?? [0])],
      cancelled: [this.cancelFile, ...(submitting.cancelled ?? [])],
      mostRestarts: submitting.mostRestarts ?? 200,
      tasks: [...tasks],
    };
    this.#write(record);
    const job = await slurm.submit({
      script: this.#script(),
      comment: record.comment,
      options: {
        "job-name": name,
        ...submitting.options,
        array: arrayText(elementsOf(record), throttle),
        chdir: process.cwd(),
        output: this.log(0).replace(/0\.out$/, "%a.out"),
        ...(separateErrors ? { error: this.log(0).replace(/0\.out$/, "%a.err") } : {}),
        "open-mode": "append",
        requeue: true,
        signal: `B:USR1@${stopBefore}`,
        ...(dependency === undefined ? {} : { dependency, "kill-on-invalid-dep": "yes" }),
      },
    });
    this.#write({ ...record, job });
    return job;
  }

  #write(record: JobFile): void {
    writeFileAtomic(this.file, `${JSON.stringify(record, null, 1)}\n`);
  }

  /** exec: the batch step's process is the runner itself, which gets Slurm's signals. */
  #script(): string {
    const runner = fileURLToPath(new URL("run-job.js", import.meta.url));
    return `#!/bin/bash\nexec ${[process.execPath, runner, this.path].map(shellWord).join(" ")}\n`;
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
    throw new SlurmError(`${path}: expected a file that slicestack wrote, received something else`, "Remove it.", {
      cause,
    });
  }
}

/** The elements of the array, in the order of the tasks. */
export const elementsOf = ({ tasks }: Pick<JobFile, "tasks">): number[] => tasks.map(({ element }, k) => element ?? k);

/** The command of a task as it stands now. */
export function commandOf({ command, again }: JobTask): readonly string[] {
  return again !== undefined && existsSync(again.exists) ? again.command : command;
}
