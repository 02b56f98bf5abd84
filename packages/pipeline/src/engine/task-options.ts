/** How the caller of a long task follows it, stops it, and chooses the session that computes. */
import type { Progress } from "./progress.js";

export interface TaskOptions {
  onProgress?: (progress: Progress) => void;
  /** Called with a line for the reader, such as a warning that does not stop the task. */
  onLog?: (line: string) => void;
  /** An abort asks the task to stop: it finishes its step, saves and returns. */
  signal?: AbortSignal;
  /** The session that computes; it stays open. Default: a temporary session for this task. */
  session?: JobRunner;
}

/** What an EngineSession does for a task. */
export interface JobRunner {
  /** Runs the `job` that `module` exports on `input`. */
  run<I, O>(module: URL, input: I, options?: JobOptions): Promise<O>;
}

export interface JobOptions extends Omit<TaskOptions, "session"> {
  /** Called with the events that the job reports; the job defines their type. */
  onEvent?: (event: unknown) => void;
}

/** The options that a task passes on to the tasks it consists of. */
export function taskOptionsOf({ onProgress, onLog, signal, session }: TaskOptions): TaskOptions {
  return {
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(onLog === undefined ? {} : { onLog }),
    ...(signal === undefined ? {} : { signal }),
    ...(session === undefined ? {} : { session }),
  };
}
