import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { workerOptions } from "../engine/worker-options.js";

/** What a worker script answers to each job. */
export type PoolAnswer<Result> =
  | { ok: true; result: Result }
  /**
   * `shortage`: the resource that the machine lacks; the job itself may be valid.
   * `nameless`: the reason without anything that may identify a person, if the worker distinguishes the two.
   */
  | { ok: false; reason: string; shortage?: { code: string; path: string | null }; nameless?: string };

export interface PoolOptions<Job, Result> {
  /** A module that posts one PoolAnswer for each message it gets. */
  script: URL;
  jobs: readonly Job[];
  /** Threads; default: the cores this process may use. */
  workers?: number;
  signal?: AbortSignal | undefined;
  /** Called in the order of `jobs`, one at a time, whatever the order in which the threads finish. */
  deliver: (answer: PoolAnswer<Result>, index: number) => Promise<void> | void;
}

/**
 * Runs jobs in worker threads. Memory is bounded: at most two jobs per thread are running or waiting for delivery.
 * @throws what `deliver` throws; the signal's reason; an Error if a thread dies
 */
export async function runPool<Job, Result>(options: PoolOptions<Job, Result>): Promise<void> {
  options.signal?.throwIfAborted();
  if (options.jobs.length === 0) return;
  const count = Math.min(options.workers ?? availableParallelism(), options.jobs.length);
  const threads = Array.from(
    { length: Math.max(1, count) },
    () => new Worker(options.script, workerOptions()),
  );
  try {
    await drain(options, threads);
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

function drain<Job, Result>(options: PoolOptions<Job, Result>, threads: Worker[]): Promise<void> {
  const { jobs, signal, deliver } = options;
  const waiting = new Map<number, PoolAnswer<Result>>();
  const idle = [...threads];
  let next = 0;
  let delivered = 0;
  let delivering = false;
  let current: Promise<unknown> = Promise.resolve();
  return new Promise((resolve, reject) => {
    const settle = (end: () => void) => {
      signal?.removeEventListener("abort", stop);
      next = jobs.length;
      // A delivery in progress may be writing: it ends before the caller cleans up.
      void current.then(end, end);
    };
    const stop = () => settle(() => reject(signal?.reason as Error));
    const fail = (error: Error) => settle(() => reject(error));
    const feed = () => {
      while (idle.length > 0 && next < jobs.length && next - delivered < 2 * threads.length) {
        const index = next++;
        const thread = idle.pop() as Worker;
        thread.once("message", (answer: PoolAnswer<Result>) => {
          waiting.set(index, answer);
          idle.push(thread);
          feed();
          deliverNext();
        });
        thread.postMessage(jobs[index]);
      }
    };
    const deliverNext = () => {
      const answer = waiting.get(delivered);
      if (delivering || answer === undefined || signal?.aborted === true) return;
      delivering = true;
      waiting.delete(delivered);
      const delivery = Promise.resolve().then(() => deliver(answer, delivered));
      current = delivery;
      delivery
        .then(() => {
          delivering = false;
          delivered++;
          if (delivered === jobs.length) return settle(resolve);
          feed();
          deliverNext();
        })
        .catch((error: unknown) => fail(error instanceof Error ? error : new Error(String(error))));
    };
    signal?.addEventListener("abort", stop, { once: true });
    for (const thread of threads) thread.once("error", fail);
    feed();
  });
}
