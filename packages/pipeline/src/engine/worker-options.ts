import type { WorkerOptions } from "node:worker_threads";

/** Options for every worker thread: a program that was given to `node -e` has flags that a thread from a file refuses. */
export function workerOptions(): WorkerOptions {
  const refused = (flag: string) => /^--input-type(=|$)/.test(flag);
  return process.execArgv.some(refused)
    ? { execArgv: process.execArgv.filter((flag) => !refused(flag)) }
    : {};
}
