/** Gives waiting predictions to workers. One that loses its worker is tried once more; one that fails by itself is not. */
import { LeaseLostError, type Lease, type LeaseQueue } from "@slicestack/pipeline/internal";
import type { Log } from "../log.js";
import { Problem } from "../problem.js";
import type { ProblemBody } from "../schema.js";
import { DISK_FULL, type StageSeconds } from "../worker/messages.js";
import {
  PredictionFailedError,
  WorkerDiedError,
  type ModelWorker,
  type Progress,
} from "../worker/model-worker.js";
import { Naps } from "./naps.js";
import { WorkerGate } from "./worker-gate.js";
import type { WorkerPool } from "./worker-pool.js";

/** How often a prediction is begun: once more after its worker died. */
export const ATTEMPTS = 2;
const HEARTBEAT_MS = 10_000;
const IDLE_MS = 1000;
/** The longest delay that a timer takes; a longer one would fire at once. */
const LONGEST_MS = 2 ** 31 - 1;

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
  #stopped: Promise<void> | null = null;
  readonly #naps = new Naps();

  constructor(
    private readonly queue: LeaseQueue,
    private readonly pool: WorkerPool,
    private readonly options: {
      timeout: number;
      /** Most predictions that a worker takes at a time. */
      together: number;
      folderOf: (id: string) => string;
      /** Why a prediction cannot be made at all. */
      refusalOf: (id: string) => ProblemBody | null;
      on: DispatcherEvents;
      log: Log;
    },
  ) {
    this.#loops = Array.from({ length: pool.size }, () => new WorkerGate()).flatMap((gate, slot) =>
      Array.from({ length: options.together }, () => this.#serve(slot, gate)),
    );
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS).unref();
  }

  /** Looks for waiting predictions now. */
  wake(): void {
    this.#naps.end();
  }

  get running(): string[] {
    return [...this.#running.keys()];
  }

  /** Ends a running prediction as cancelled. */
  cancel(id: string): void {
    this.#abort(id, "cancel");
  }

  /** Takes no more predictions, and waits up to `grace` milliseconds for those that run; the rest waits for the next start. */
  stop(grace: number): Promise<void> {
    return (this.#stopped ??= this.#stop(grace));
  }

  async #stop(grace: number): Promise<void> {
    this.#isStopping = true;
    this.pool.stopStarting(); // a loop may be waiting for one that cannot be started
    this.wake();
    const late = setTimeout(
      () => this.running.forEach((id) => this.#abort(id, "stop")),
      Math.min(grace, LONGEST_MS),
    );
    await Promise.all(this.#loops);
    clearTimeout(late);
    clearInterval(this.#heartbeat);
  }

  async #serve(slot: number, gate: WorkerGate): Promise<void> {
    while (!this.#isStopping) {
      const worker = await this.pool.worker(slot);
      if (worker === null || this.#isStopping) return;
      const lease = this.#attempt(() => this.queue.lease()[0]);
      if (lease === undefined) await this.#naps.take(IDLE_MS);
      else await this.#enter(slot, gate, lease);
    }
  }

  /** One that failed before may be what ended the worker: it has the worker to itself, so that no other suffers. */
  async #enter(slot: number, gate: WorkerGate, { key: id, token }: Lease): Promise<void> {
    const running: Running = { token, controller: new AbortController(), why: null };
    this.#running.set(id, running);
    const isAlone = (this.#attempt(() => this.queue.find(id)?.failures) ?? 0) > 0;
    const leave = await gate.enter(isAlone, running.controller.signal);
    try {
      const worker = await this.pool.worker(slot); // it may have died in the meantime
      if (worker === null || this.#isStopping) this.#abort(id, "stop");
      await this.#run(worker, id, running);
    } finally {
      leave();
    }
  }

  async #run(worker: ModelWorker | null, id: string, running: Running): Promise<void> {
    const { token, controller } = running;
    const { on, folderOf, timeout } = this.options;
    const late = setTimeout(() => this.#abort(id, "timeout"), Math.min(timeout, LONGEST_MS));
    let seconds: StageSeconds | null = null;
    let end: () => "done" | "failed" | "cancelled" | "queued";
    try {
      const { signal } = controller;
      signal.throwIfAborted(); // it was cancelled while it waited
      this.#attempt(() => on.started(id));
      const refusal = this.options.refusalOf(id);
      if (refusal !== null) throw new NotPossibleError(refusal);
      const onProgress = (progress: Progress) => on.progress(id, progress);
      seconds = await worker!.predict(id, folderOf(id), { signal, onProgress });
      end = () => {
        this.queue.complete(token);
        return "done";
      };
    } catch (error) {
      end = () => this.#record(running, error);
      if (running.why !== "cancel" && running.why !== "stop")
        this.options.log("warn", "a prediction failed", {
          prediction: id,
          kind: kindOf(error),
          why: running.why,
        });
    } finally {
      clearTimeout(late);
    }
    const state = await this.#recorded(end);
    this.#running.delete(id);
    if (state !== null) this.#attempt(() => on.ended(id, state, seconds));
  }

  /**
   * Records how a prediction has ended, once the queue can be written: its disk may be full for a while.
   * @returns null if its lease was lost, or the server stops before; it then runs after the next start
   */
  async #recorded<T>(end: () => T): Promise<T | null> {
    for (;;) {
      try {
        return end();
      } catch (error) {
        this.#report(error);
        if (error instanceof LeaseLostError || this.#isStopping) return null;
        await this.#naps.take(IDLE_MS);
      }
    }
  }

  /** A queue or an audit log that cannot be written must not end the server. */
  #attempt<T>(body: () => T): T | undefined {
    try {
      return body();
    } catch (error) {
      this.#report(error);
      return undefined;
    }
  }

  #report(error: unknown): void {
    this.options.log("error", "the queue or the audit log could not be read or written", {
      kind: kindOf(error),
    });
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
    if (error instanceof NotPossibleError) {
      this.queue.fail(token, JSON.stringify(error.problem), { isFinal: true });
      return "failed";
    }
    const problem = why === "timeout" ? tooSlow(this.options.timeout) : problemOfFailure(error);
    return this.queue.fail(token, JSON.stringify(problem.body), { isFinal }) === "failed"
      ? "failed"
      : "queued";
  }

  #abort(id: string, why: "cancel" | "timeout" | "stop"): void {
    const running = this.#running.get(id);
    if (running === undefined || running.why !== null) return;
    running.why = why;
    running.controller.abort();
  }

  #beat(): void {
    const tokens = [...this.#running.values()].map(({ token }) => token);
    if (tokens.length > 0) this.#attempt(() => this.queue.heartbeat(tokens));
  }
}

/** The prediction needs no worker to fail. */
class NotPossibleError extends Error {
  override readonly name = "NotPossibleError";
  constructor(readonly problem: ProblemBody) {
    super(problem.detail);
  }
}

/** For the log: never the message, which may name files of a patient. */
function kindOf(error: unknown): string {
  if (error instanceof PredictionFailedError) return error.kind;
  const { name = "Error", code } = error as NodeJS.ErrnoException;
  return code === undefined ? name : `${name} ${code}`;
}

const tooSlow = (timeout: number) =>
  new Problem(
    "unavailable",
    `The prediction took longer than ${timeout / 1000} s and was ended`,
    "Send fewer scans.",
  );

function problemOfFailure(error: unknown): Problem {
  if (error instanceof PredictionFailedError && error.isOfUpload)
    return new Problem("unusable-upload", error.message);
  if (error instanceof PredictionFailedError && error.kind === DISK_FULL)
    return new Problem(
      "disk-full",
      "The server has no space for the results",
      "Try again later; tell its operator.",
    );
  if (error instanceof WorkerDiedError)
    return new Problem(
      "unavailable",
      error.message,
      "It was tried again; send fewer or smaller scans at once.",
    );
  return new Problem(
    "unexpected",
    "The prediction failed in a way that was not foreseen",
    "The server's log says more.",
  );
}
