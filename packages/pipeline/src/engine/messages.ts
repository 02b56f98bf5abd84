/** What a session and its worker thread send each other. */
import type { PluginFile } from "../config/plugins.js";
import type { PackedError } from "./thread-errors.js";
import type { Progress } from "./progress.js";

/** From the session: run the `job` that the module exports. */
export interface JobRequest {
  module: string;
  input: unknown;
  /** Those of the calling thread, which the worker loads before it begins. */
  plugins: readonly PluginFile[];
  /** One shared integer; 1 asks the job to stop. */
  stopFlag: SharedArrayBuffer;
}

/** From a job on its way. */
export type JobNews = { progress: Progress } | { log: string } | { event: unknown } | { notice: string; about: string };

/** From a job that has ended. */
export type JobEnd = { result: unknown } | { error: PackedError };

export type JobMessage = JobNews | JobEnd;
