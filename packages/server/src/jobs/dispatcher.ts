/** Gives waiting predictions to workers. One that loses its worker is tried once more; one that fails by itself is not. */
import type { LeaseQueue, Lease } from "@slicestack/pipeline/internal";
import { Problem } from "../problem.js";
import type { StageSeconds } from "../worker/messages.js";
import { PredictionFailedError, WorkerDiedError, type Progress } from "../worker/model-worker.js";
import type { WorkerPool } from "./worker-pool.js";

/** How often a prediction is begun: once more after its worker died. */
export const ATTEMPTS = 2;
const HEARTBEAT_MS = 10_000;
const IDLE_MS = 1000;

export interface DispatcherEvents {
  started(id: string): void;
  progress(id: string, progress: Progress): void;
  /** The prediction has reached a state, of which it may leave only `queued`. */
  ended(id: string, state: "done" | "failed" | "cancelled" | "queued", seconds: StageSeconds | null): void;
}

interface Running {
  token: string;
  controller: AbortController;
  why: "cancel" | "timeout" | "stop" | null;
}

export class Dispatcher {
  readonly #running = new Map<string, Running>();
  readonly #loops: Promise<void>[];
  readonly #heartbeat: NodeJS.Timeout;
  #isStopping = false;
  #wake: () => void = () => undefined;
  #woken = this.#sleeping();

  constructor(
    private readonly queue: LeaseQueue,
    private readonly pool: WorkerPool,
    private readonly options: { timeout: number; folderOf: (id: string) => string; on: DispatcherEvents },
  ) {
    queue.reclaim();
    this.#loops = Array.from({ length: pool.size }, (_, slot) => this.#serve(slot));
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS).unref();
  }

  /** Looks for waiting predictions now. */
  wake(): void {
    this.#wake();
  }

  get running(): string[] {
    return [...this.#running.keys()];
  }

  /** Ends a running prediction as cancelled. */
  cancel(id: string): void {
    this.#abort(id, "cancel");
  }

  /** Takes no more predictions, and waits up to `grace` milliseconds for those that run; the rest waits for the next start. */
  async stop(grace: number): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#heartbeat);
    this.wake();
    const late = setTimeout(() => this.running.forEach((id) => this.#abort(id, "stop")), grace);
    await Promise.all(this.#loops);
    clearTimeout(late);
  }

  async #serve(slot: number): Promise<void> {
    while (!this.#isStopping) {
      const worker = await this.pool.worker(slot);
      if (worker === null || this.#isStopping) return;
      const [lease] = this.queue.lease();
      if (lease === undefined) await this.#rest();
      else await this.#run(worker, lease);
    }
  }

  async #run(worker: NonNullable<Awaited<ReturnType<WorkerPool["worker"]>>>, lease: Lease): Promise<void> {
    const { key: id, token } = lease;
    const { on, folderOf, timeout } = this.options;
    const running: Running = { token, controller: new AbortController(), why: null };
    this.#running.set(id, running);
    const late = setTimeout(() => this.#abort(id, "timeout"), timeout);
    on.started(id);
    try {
      const signal = running.controller.signal;
      const onProgress = (progress: Progress) => on.progress(id, progress);
      const seconds = await worker.predict(id, folderOf(id), { signal, onProgress });
      this.queue.complete(token);
      on.ended(id, "done", seconds);
    } catch (error) {
      on.ended(id, this.#record(running, error), null);
    } finally {
      clearTimeout(late);
      this.#running.delete(id);
    }
  }

  /** @returns the state that the prediction is in after it failed */
  #record({ token, why }: Running, error: unknown): "failed" | "cancelled" | "queued" {
    if (why === "cancel") {
      this.queue.abandon(token, "cancelled");
      return "cancelled";
    }
    if (why === "stop") {
      this.queue.release(token, "the server was stopped");
      return "queued";
    }
    const isFinal = why === "timeout" || (error instanceof PredictionFailedError && error.isOfUpload);
    const problem = why === "timeout" ? tooSlow(this.options.timeout) : problemOfFailure(error);
    return this.queue.fail(token, JSON.stringify(problem.body), { isFinal }) === "failed" ? "failed" : "queued";
  }

  #abort(id: string, why: "cancel" | "timeout" | "stop"): void {
    const running = this.#running.get(id);
    if (running === undefined || running.why !== null) return;
    running.why = why;
    running.controller.abort();
  }

  #beat(): void {
    const tokens = [...this.#running.values()].map(({ token }) => token);
    if (tokens.length > 0) this.queue.heartbeat(tokens);
  }

  async #rest(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([this.#woken, new Promise((resolve) => (timer = setTimeout(resolve, IDLE_MS)))]);
    clearTimeout(timer);
  }

  #sleeping(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#woken = this.#sleeping();
        resolve();
      };
    });
  }
}

const tooSlow = (timeout: number) =>
  new Problem("unavailable", `The prediction took longer than ${timeout / 1000} s and was ended`, "Send fewer scans.");

function problemOfFailure(error: unknown): Problem {
  if (error instanceof PredictionFailedError && error.isOfUpload) return new Problem("unusable-upload", error.message);
  if (error instanceof WorkerDiedError)
    return new Problem("unavailable", error.message, "It was tried again; send fewer or smaller scans at once.");
  return new Problem(
    "unexpected",
    "The prediction failed in a way that was not foreseen",
    "The server's log says more.",
  );
}
