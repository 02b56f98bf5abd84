/** Keeps a number of workers alive: one that dies is replaced, and all are replaced when the models are read again. */
import type { ServedModel } from "../schema.js";
import type { OpenModels } from "../worker/messages.js";
import { Naps } from "./naps.js";
import { ModelWorker, type BatchListener } from "../worker/model-worker.js";

type Wanted = Omit<OpenModels, "type">;

/** Milliseconds before the first restart that follows a failed one; doubles up to a minute. */
const FIRST_DELAY = 500;
const MOST_DELAY = 60_000;

export class WorkerPool {
  #slots: (ModelWorker | null)[];
  #models: readonly ServedModel[];
  #restarts = 0;
  #isEnding = false;
  readonly #naps = new Naps();

  private constructor(
    private readonly wanted: Wanted,
    workers: ModelWorker[],
    private readonly onBatch: BatchListener,
  ) {
    this.#slots = workers;
    this.#models = workers[0]!.models;
  }

  /** @throws PredictionFailedError if a model cannot be opened   @throws WorkerDiedError */
  static async start(
    wanted: Wanted,
    count: number,
    onBatch: BatchListener = () => undefined,
  ): Promise<WorkerPool> {
    const starts = Array.from({ length: count }, () => ModelWorker.start(wanted, onBatch));
    const started = await Promise.allSettled(starts);
    const workers = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const failure = started.find((one) => one.status === "rejected");
    if (failure === undefined) return new WorkerPool(wanted, workers, onBatch);
    for (const worker of workers) worker.kill();
    throw failure.reason;
  }

  get models(): readonly ServedModel[] {
    return this.#models;
  }

  get size(): number {
    return this.#slots.length;
  }

  /** Workers that were started in place of one that died. */
  get restarts(): number {
    return this.#restarts;
  }

  get alive(): number {
    return this.#slots.filter((worker) => worker?.isAlive === true).length;
  }

  get rss(): number {
    return this.#slots.reduce((sum, worker) => sum + (worker?.rss ?? 0), 0);
  }

  get pids(): number[] {
    return this.#slots.flatMap((worker) => (worker?.isAlive === true ? [worker.pid] : []));
  }

  /** The worker of a slot, which is started again if it died; null once no more are started. */
  async worker(slot: number): Promise<ModelWorker | null> {
    for (let delay = FIRST_DELAY; !this.#isEnding; delay = Math.min(MOST_DELAY, delay * 2)) {
      const worker = this.#slots[slot];
      if (worker?.isAlive === true) return worker;
      try {
        const started = await ModelWorker.start(this.wanted, this.onBatch);
        // A reload may have filled the slot in the meantime.
        if (this.#isEnding || this.#slots[slot]?.isAlive === true) started.kill();
        else this.#slots[slot] = started;
        this.#restarts++;
      } catch {
        // The files of a model may be in the middle of a change; health says that no worker is alive.
        await this.#naps.take(delay);
      }
    }
    return null;
  }

  /** Opens the models again in new processes, which take over once all of them are ready. @throws as `start` */
  async reload(): Promise<void> {
    const next = await WorkerPool.start(this.wanted, this.size, this.onBatch);
    if (this.#isEnding) return next.close();
    const before = this.#slots;
    this.#slots = next.#slots;
    this.#models = next.models;
    for (const worker of before) void worker?.retire();
  }

  /** Those that are alive go on until `close`. */
  stopStarting(): void {
    this.#isEnding = true;
    this.#naps.end();
  }

  close(): void {
    this.stopStarting();
    for (const worker of this.#slots) worker?.kill();
  }
}
