/** How the caller of a long task follows it, stops it, and says where it computes. */
import type { Progress } from "./progress.js";

export interface TaskOptions {
  onProgress?: (progress: Progress) => void;
  /** A line of text that a reader should know although the task goes on. */
  onLog?: (line: string) => void;
  /** An abort asks the task to stop: it finishes its step, saves and returns. */
  signal?: AbortSignal;
  /** The session that computes; it stays open. Default: a session for this task alone. */
  session?: JobRunner;
}

/** What an EngineSession does for a task. */
export interface JobRunner {
  /** Runs the `job` that `module` exports on `input`. */
  run<I, O>(module: URL, input: I, options?: JobOptions): Promise<O>;
}

export interface JobOptions extends Omit<TaskOptions, "session"> {
  /** What the job tells in its own terms. */
  onEvent?: (event: unknown) => void;
}

/** The options that a task made of other tasks passes on to each of them. */
export function taskOptionsOf({ onProgress, onLog, signal, session }: TaskOptions): TaskOptions {
  return {
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(onLog === undefined ? {} : { onLog }),
    ...(signal === undefined ? {} : { signal }),
    ...(session === undefined ? {} : { session }),
  };
}
