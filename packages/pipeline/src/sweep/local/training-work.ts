/** The work of a list of trainings: how each is started, and what its end means. */
import { readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { taskOptionsOf, type TaskOptions } from "../../engine/task-options.js";
import type { JobState, Lease } from "../../queue/jobs.js";
import type { LeaseQueue } from "../../queue/lease-queue.js";
import { train } from "../../tasks/train.js";
import type { World } from "../../train/world.js";
import { SweepError } from "../errors.js";
import { readFailure } from "../trial-failure.js";
import type { Command, Exit } from "./gated-child.js";
import type { Inside } from "./inside-work.js";
import type { PoolWork, Verdict, Wish } from "./job-pool.js";
import type { Booking } from "./resources.js";
import {
  optionsOf,
  readOutcome,
  trainingFiles,
  writeTraining,
  type Training,
  type TrainingOutcome,
} from "./training-record.js";

export interface TrainingsOptions extends Pick<TaskOptions, "signal" | "session"> {
  /** The folder whose trainings these are, locked by the caller. */
  folder: string;
  /** The most that run at the same time. Default 1: one after another in this process; more: each in a process of its own. */
  jobs?: number | undefined;
  /** The processes that train together; only with one job. */
  world?: World;
  /** Called when it is the turn of a training. @returns whether there is anything left to train */
  onTurn: (training: Training) => boolean;
  onEnd?: (training: Training, outcome: TrainingOutcome) => void;
  /** Called when it was stopped and saved. */
  onStop?: (training: Training) => void;
  /** Who follows a training. With several jobs there are lines, after its end, and no progress. */
  follow: (training: Training) => Pick<TaskOptions, "onLog" | "onProgress">;
}

const STOPPED = 130;
const PROCESS = fileURLToPath(new URL("./training-process.js", import.meta.url));

interface WorkOptions extends TrainingsOptions {
  jobs: number;
  /** Folder of the files of processes. */
  root: string;
  queue: LeaseQueue;
}

export class TrainingWork implements PoolWork {
  /** The first error, which ends the list. */
  failure: { error: unknown } | null = null;
  /** Of trainings inside this process. */
  private readonly outcomes = new Map<string, TrainingOutcome>();
  private readonly errors = new Map<string, unknown>();

  constructor(
    private readonly trainings: ReadonlyMap<string, Training>,
    private readonly options: WorkOptions,
  ) {}

  command({ key }: Lease, booking: Booking): Command | { inside: Inside } | { result: unknown } {
    const training = this.trainings.get(key)!;
    try {
      rmSync(trainingFiles(this.options.root, key).folder, { recursive: true, force: true }); // of an earlier attempt
      if (!this.options.onTurn(training)) return { result: null };
      return this.options.jobs === 1
        ? { inside: (signal) => this.inside(key, training, signal) }
        : this.processOf(key, training, booking);
    } catch (error) {
      this.errors.set(key, error);
      return { inside: () => Promise.resolve(1) };
    }
  }

  judge({ key }: Lease, exit: Exit | null, wish: Wish | null): Verdict | null {
    const training = this.trainings.get(key);
    if (training === undefined) return { is: "cancelled", why: "another list of trainings took its place" };
    const files = trainingFiles(this.options.root, key);
    const outcome = this.outcomes.get(key) ?? readOutcome(files);
    if (outcome !== null) return { is: "done", result: outcome };
    const error = this.errors.get(key) ?? errorOf(training, readFailure(files.folder));
    if (error !== null) {
      this.failure ??= { error };
      return { is: "failed", error: error instanceof Error ? error.message : "unknown", isFinal: true };
    }
    if (wish !== null || exit?.code === STOPPED) return { is: "released" };
    // Its process was killed, or crashed: it resumes, a few times.
    return exit === null ? null : { is: "failed", error: endText(exit, files.log) };
  }

  onEnd({ key }: Lease, verdict: Verdict | null, state: JobState): void {
    const training = this.trainings.get(key);
    if (training === undefined) return;
    const { follow, onEnd, onStop, queue, root } = this.options;
    const { onLog } = follow(training);
    for (const line of linesOf(trainingFiles(root, key).log)) onLog?.(line);
    if (state === "failed") {
      const problem = verdict?.is === "failed" ? verdict.error : "its process disappeared again and again";
      this.failure ??= {
        error: new SweepError(training.run, problem, "To continue, run the same command again."),
      };
      queue.pauseAll();
    }
    if (verdict?.is === "done" && verdict.result !== null)
      onEnd?.(training, verdict.result as TrainingOutcome);
    if (state === "queued" && verdict?.is === "released") onStop?.(training);
  }

  private async inside(key: string, training: Training, signal: AbortSignal): Promise<number> {
    const { session, world, follow } = this.options;
    try {
      const { status, best } = await train({
        ...taskOptionsOf({ ...follow(training), ...(session === undefined ? {} : { session }) }),
        ...optionsOf(training),
        ...(world === undefined ? {} : { world }),
        signal,
      });
      if (status === "stopped") return STOPPED;
      this.outcomes.set(key, { best });
      return 0;
    } catch (error) {
      this.errors.set(key, error);
      return 1;
    }
  }

  private processOf(key: string, training: Training, { gpus, needs }: Booking): Command {
    const files = trainingFiles(this.options.root, key);
    writeTraining(files, training, needs["cpus"] ?? 1);
    const visible = needs["gpus"] === undefined ? {} : { CUDA_VISIBLE_DEVICES: gpus.join() };
    return {
      words: [process.execPath, ...process.execArgv, PROCESS, files.folder],
      env: visible,
      log: files.log,
    };
  }
}

/** With the name of the error in its process, which decides the exit code of a command. */
function errorOf({ name }: Training, failure: ReturnType<typeof readFailure>): Error | null {
  if (failure === null) return null;
  return Object.assign(new Error(`${name}: ${failure.message}`), { name: failure.name });
}

function endText({ signal, code }: Exit, log: string): string {
  const last = linesOf(log).at(-1);
  return `its process ended ${signal === null ? `with code ${code ?? "unknown"}` : `by ${signal}`}${last === undefined ? "" : `: ${last.slice(0, 500)}`}`;
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "");
  } catch {
    return []; // trained inside this process
  }
}
