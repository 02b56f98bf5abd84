/**
 * A job is a function `(input, context) => output` that its module exports as `job` and that a session runs in its worker thread.
 * Input and output are plain data, because they cross threads.
 */
import type { Progress } from "./progress.js";

/** How a job reports to its caller and learns of a request to stop. */
export interface JobContext {
  report: (progress: Progress) => void;
  /** Reports a line of text for the log of the run. */
  log: (line: string) => void;
  /** Reports an event whose type the job defines. */
  event: (event: unknown) => void;
  /** True once the caller has requested a stop: finish the step, save, return. */
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

/** @throws JobStopped if the caller has asked to stop */
export function stopIfAsked(context: Pick<JobContext, "stopping">): void {
  if (context.stopping()) throw new JobStopped();
}
