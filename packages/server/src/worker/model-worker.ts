/** The server's end of a process that predicts. */
import { fork, type ChildProcess } from "node:child_process";
import { EventEmitter } from "node:events";
import type { ServedModel } from "../schema.js";
import type { FromWorker, OpenModels, StageSeconds, ToWorker } from "./messages.js";

/** The process ended while it was needed: killed, out of memory, or a crash of the engine. */
export class WorkerDiedError extends Error {
  override readonly name = "WorkerDiedError";
}

/** The prediction failed in the worker. */
export class PredictionFailedError extends Error {
  override readonly name = "PredictionFailedError";
  constructor(
    /** Name of the error's class in the worker. */
    readonly kind: string,
    message: string,
    /** Another attempt would fail in the same way. */
    readonly isOfUpload: boolean,
  ) {
    super(message);
  }
}

export interface Progress {
  stage: string;
  done: number;
  total: number;
  unit: string;
}

interface PredictOptions {
  signal: AbortSignal;
  onProgress: (progress: Progress) => void;
}

interface Events {
  message: [FromWorker];
  exit: [WorkerDiedError];
}

/** Called with the number of scans that were computed together, and of their slices. */
export type BatchListener = (scans: number, slices: number) => void;

const SCRIPT = new URL("./worker.js", import.meta.url);

export class ModelWorker {
  readonly #events = new EventEmitter<Events>();
  readonly #child: ChildProcess;
  #models: ServedModel[] = [];
  #death: WorkerDiedError | null = null;
  #rss = 0;
  /** Those that run; none of them rejects. */
  readonly #running = new Set<Promise<unknown>>();

  private constructor(onBatch: BatchListener) {
    this.#child = fork(SCRIPT, [], { stdio: ["ignore", "ignore", "ignore", "ipc"] });
    this.#events.setMaxListeners(0);
    this.#child.on("message", (message) => this.#events.emit("message", message as FromWorker));
    this.#events.on("message", (message) => {
      if (message.type === "batch") onBatch(message.scans, message.slices);
    });
    this.#child.once("error", (error) => this.#died(error.message));
    this.#child.once("exit", (code, signal) =>
      this.#died(signal === null ? `ended with code ${code}` : `was ended by ${signal}`),
    );
  }

  /** Starts the process and opens the models. @throws PredictionFailedError if a model cannot be opened   @throws WorkerDiedError */
  static async start(request: Omit<OpenModels, "type">, onBatch: BatchListener): Promise<ModelWorker> {
    const worker = new ModelWorker(onBatch);
    try {
      worker.#send({ type: "open", ...request });
      const answer = await worker.#answer((message) => message.type === "open" || message.type === "failed");
      if (answer.type === "failed") throw new PredictionFailedError(answer.name, answer.message, false);
      if (answer.type === "open") worker.#models = answer.models;
      return worker;
    } catch (error) {
      worker.kill();
      throw error;
    }
  }

  get models(): readonly ServedModel[] {
    return this.#models;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isAlive(): boolean {
    return this.#death === null;
  }

  /** Bytes of memory after the last prediction. */
  get rss(): number {
    return this.#rss;
  }

  /**
   * Predicts the upload in the folder of a prediction, where the outcome is written. An aborted prediction ends soon; the
   * process is killed if it does not.
   * @throws PredictionFailedError, WorkerDiedError   @throws the signal's reason
   */
  predict(id: string, folder: string, options: PredictOptions): Promise<StageSeconds> {
    const end = this.#predict(id, folder, options);
    const settled = end.catch(() => undefined);
    this.#running.add(settled);
    void settled.then(() => this.#running.delete(settled));
    return end;
  }

  async #predict(id: string, folder: string, { signal, onProgress }: PredictOptions): Promise<StageSeconds> {
    signal.throwIfAborted();
    let late: NodeJS.Timeout | undefined;
    const cancel = () => {
      this.#send({ type: "cancel", id });
      late = setTimeout(() => this.kill(), CANCEL_MS);
    };
    const listen = (message: FromWorker) => {
      if (message.type !== "progress" || message.id !== id) return;
      const { stage, done, total, unit } = message;
      onProgress({ stage, done, total, unit });
    };
    signal.addEventListener("abort", cancel, { once: true });
    this.#events.on("message", listen);
    try {
      this.#send({ type: "predict", id, folder });
      const isEnd = (message: FromWorker) =>
        (message.type === "done" || message.type === "failed") && message.id === id;
      const answer = await this.#answer(isEnd);
      if (answer.type === "failed")
        throw new PredictionFailedError(answer.name, answer.message, answer.isOfUpload);
      if (answer.type === "done") this.#rss = answer.rss;
      return answer.type === "done" ? answer.seconds : { prepare: 0, predict: 0 };
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(late);
      this.#events.off("message", listen);
      signal.removeEventListener("abort", cancel);
    }
  }

  /** Ends the process once it has nothing to do. */
  async retire(): Promise<void> {
    await Promise.all(this.#running);
    this.kill();
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #send(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message);
  }

  #died(why: string): void {
    if (this.#death !== null) return;
    this.#death = new WorkerDiedError(`The process that predicts ${why}`);
    this.#events.emit("exit", this.#death);
  }

  #answer(isIt: (message: FromWorker) => boolean): Promise<FromWorker> {
    return new Promise((resolve, reject) => {
      if (this.#death !== null) return reject(this.#death);
      const onMessage = (message: FromWorker) => {
        if (isIt(message)) end(() => resolve(message));
      };
      const onExit = (death: WorkerDiedError) => end(() => reject(death));
      const end = (settle: () => void) => {
        this.#events.off("message", onMessage);
        this.#events.off("exit", onExit);
        settle();
      };
      this.#events.on("message", onMessage);
      this.#events.on("exit", onExit);
    });
  }
}

/** How long a cancelled prediction may take to end by itself. */
const CANCEL_MS = 5000;
