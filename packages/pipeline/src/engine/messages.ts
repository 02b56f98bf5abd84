/** The messages between a session and its worker thread. */
import type { PluginFile } from "../config/loaded-plugins.js";
import type { PackedError } from "./thread-errors.js";
import type { Progress } from "./progress.js";

/** Sent by the session: run the `job` that the module exports. */
export interface JobRequest {
  module: string;
  input: unknown;
  /** The plug-ins of the calling thread, which the worker loads before the job begins. */
  plugins: readonly PluginFile[];
  /** Whether the session allows TensorFloat-32 on CUDA. */
  tf32: boolean;
  /** One shared integer; 1 asks the job to stop. */
  stopFlag: SharedArrayBuffer;
}

/** Sent before the first job is known: import the module of a job, and let it load what every job needs. */
export interface PreloadRequest {
  preload: string;
}

/** Sent while the job runs. */
export type JobNews =
  { progress: Progress } | { log: string } | { event: unknown } | { notice: string; about: string };

/** Sent when the job has ended. */
export type JobEnd = { result: unknown } | { error: PackedError };

export type JobMessage = JobNews | JobEnd;
