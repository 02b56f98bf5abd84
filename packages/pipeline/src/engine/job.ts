/**
 * A job is a function in a module of its own, exported as `job`, that a session runs in its worker thread: `(input, context) => output`.
 * Input and output are plain data, because they cross threads.
 */
import type { Progress } from "./progress.js";

/** What a job can tell its caller, and what it can ask. */
export interface JobContext {
  report: (progress: Progress) => void;
  /** A line of text for the reader of the run's log. */
  log: (line: string) => void;
  /** Something in the job's own terms. */
  event: (event: unknown) => void;
  /** True once the caller has asked to stop: finish the step, save, return. */
  stopping: () => boolean;
}

export type Job<I, O> = (input: I, context: JobContext) => O | Promise<O>;

/** Thrown by a job that was asked to stop and has nothing to save. */
export class JobStopped extends Error {
  override readonly name = "AbortError";
  constructor() {
    super("stopped");
  }
}

/** @throws JobStopped where the caller has asked to stop */
export function stopIfAsked(context: Pick<JobContext, "stopping">): void {
  if (context.stopping()) throw new JobStopped();
}
