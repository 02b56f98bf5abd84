/**
 * Predicts many scans in several worker threads, each of which holds the model:
 *
 *     const queue = new PredictionQueue("lung.slicestack", { workers: 4 });
 *     const results = await Promise.all(scans.map((scan) => queue.add(scan)));
 *     await queue.close();
 *
 * A worker that dies is replaced, and its scan is tried once more.
 */
import { Worker } from "node:worker_threads";

const SCRIPT = new URL("./worker.mjs", import.meta.url);

export class PredictionQueue {
  #model;
  #waiting = [];
  #workers = new Set();
  #isClosed = false;
  /** Why a worker ended without a scan. */
  #fault = null;

  /** @param threads of each worker: workers x threads should not exceed the cores */
  constructor(model, { workers = 2, threads = 1 } = {}) {
    this.#model = { path: model, threads };
    for (let k = 0; k < workers; k++) this.#start();
  }

  /** Resolves to the results of all scans in a file or folder. */
  add(scan) {
    if (this.#isClosed) return Promise.reject(new Error("the queue is closed"));
    if (this.#workers.size === 0) return Promise.reject(this.#fault);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ scan, resolve, reject, attempts: 0 });
      this.#next();
    });
  }

  /** Waits for the scans that were added, and ends the workers. */
  async close() {
    this.#isClosed = true;
    this.#next();
    // A worker that dies is replaced even now, so that its scan is tried once more.
    while (this.#workers.size > 0)
      await Promise.all(
        [...this.#workers].map(({ worker }) => new Promise((resolve) => worker.once("exit", resolve))),
      );
  }

  #start() {
    const seat = { worker: new Worker(SCRIPT, { workerData: this.#model }), job: null, error: null };
    this.#workers.add(seat);
    seat.worker.on("message", ({ results, error }) => {
      const { job } = seat;
      seat.job = null;
      if (error === undefined) job.resolve(results);
      else job.reject(new Error(error));
      this.#next();
    });
    seat.worker.on("error", (error) => (seat.error = error));
    seat.worker.on("exit", (code) => this.#left(seat, code));
    this.#next();
  }

  /** Gives waiting scans to idle workers; when the queue is closed and empty, idle workers end. */
  #next() {
    for (const seat of this.#workers) {
      if (seat.job !== null) continue;
      const job = this.#waiting.shift();
      if (job !== undefined) {
        seat.job = job;
        seat.worker.postMessage(job.scan);
      } else if (this.#isClosed) seat.worker.postMessage(null);
    }
  }

  #left(seat, code) {
    this.#workers.delete(seat);
    const { job, error } = seat;
    if (code === 0 && job === null) return;
    if (job === null || ++job.attempts > 1) {
      // A worker that dies without a scan would die again: the model cannot be opened.
      const reason = error ?? new Error(`a worker ended with exit code ${code}`);
      if (job === null) {
        this.#fault = reason;
        if (this.#workers.size === 0) for (const one of this.#waiting.splice(0)) one.reject(reason);
        return;
      }
      job.reject(reason);
    } else this.#waiting.unshift(job);
    this.#start();
  }
}
