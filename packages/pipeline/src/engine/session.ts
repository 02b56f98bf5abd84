/**
 * A session computes in a worker thread that stays alive, loads libtorch once and runs one job after another, so that the
 * calling thread can still report progress and answer signals and HTTP requests.
 */
import { Worker } from "node:worker_threads";
import { loadedPlugins } from "../config/loaded-plugins.js";
import type { JobEnd, JobMessage, JobNews, JobRequest, PreloadRequest } from "./messages.js";
import { notice } from "./notices.js";
import type { JobOptions, JobRunner, TaskOptions } from "./task-options.js";
import { SessionError, unpackError } from "./thread-errors.js";
import { workerOptions } from "./worker-options.js";

export interface SessionOptions {
  /**
   * TensorFloat-32 in products and convolutions on CUDA, for all jobs of the session; default: true. libtorch has one switch for
   * the whole process: it is set while a job computes on CUDA and restored afterwards, and a job of a session with the other
   * setting is refused in the meantime.
   */
  tf32?: boolean;
}

export class EngineSession implements JobRunner, AsyncDisposable {
  #worker: Worker | null = null;
  /** Settles when the last of the jobs so far has ended. */
  #last: Promise<unknown> = Promise.resolve();
  #state: "open" | "closing" | "terminated" = "open";
  readonly #tf32: boolean;

  constructor({ tf32 = true }: SessionOptions = {}) {
    this.#tf32 = tf32;
  }

  /**
   * Runs the `job` that `module` exports on `input`, after all jobs that were requested earlier.
   * An abort is only a request: the job decides when to end and still returns a result. An error thrown by `onProgress`,
   * `onLog` or `onEvent` also stops the job, and is thrown instead of the result once the job has ended.
   * The number of threads that a job sets is that of this session only, and lasts until the next job sets it.
   * @throws what the job throws, with its class, fields and cause; SessionError if the session is
   *   closed or terminated, or its thread ended
   */
  run<I, O>(module: URL, input: I, options: JobOptions = {}): Promise<O> {
    if (this.#state !== "open") return Promise.reject(closed());
    const result = this.#last.then(() => this.#runNow<O>(module, input, options));
    this.#last = result.catch(() => undefined);
    return result;
  }

  /**
   * Starts the thread, which imports the module of a job and calls its `preload`, so that this takes place while the caller
   * still prepares the job. Errors are those of the job, which meets them again.
   */
  preload(module: URL): void {
    if (this.#state !== "open") return;
    this.#worker ??= this.#startThread();
    this.#worker.postMessage({ preload: module.href } satisfies PreloadRequest);
    this.#worker.unref();
  }

  /** Waits for all requested jobs, then ends the thread and frees its memory. */
  async close(): Promise<void> {
    if (this.#state === "open") this.#state = "closing";
    await this.#last;
    await this.#endThread();
  }

  /** Ends the thread, even in the middle of a job, as soon as the current operation of libtorch returns. Its jobs fail. */
  async terminate(): Promise<void> {
    this.#state = "terminated";
    await this.#endThread();
    await this.#last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #runNow<O>(module: URL, input: unknown, options: JobOptions): Promise<O> {
    if (this.#state === "terminated") throw closed();
    const worker = (this.#worker ??= this.#startThread());
    worker.ref();
    const flag = new SharedArrayBuffer(4);
    const stop = () => Atomics.store(new Int32Array(flag), 0, 1);
    if (options.signal?.aborted) stop();
    options.signal?.addEventListener("abort", stop, { once: true });
    const request: JobRequest = {
      module: module.href,
      input,
      plugins: loadedPlugins(),
      tf32: this.#tf32,
      stopFlag: flag,
    };
    try {
      const { end, listenerError } = await exchange(worker, request, options, stop);
      if (listenerError !== null) throw asError(listenerError.error);
      if ("error" in end) throw await unpackError(end.error);
      return end.result as O;
    } finally {
      options.signal?.removeEventListener("abort", stop);
      worker.unref(); // an idle session does not keep the process alive
    }
  }

  #startThread(): Worker {
    const worker = new Worker(new URL("./worker.js", import.meta.url), workerOptions());
    const forget = () => {
      if (this.#worker === worker) this.#worker = null; // the next job starts another one
    };
    return worker.once("exit", forget).once("error", forget);
  }

  async #endThread(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = null;
  }
}

/** Runs a job in the session of the options, or in a temporary session. */
export async function runJob<I, O>(module: URL, input: I, options: JobOptions & TaskOptions): Promise<O> {
  if (options.session !== undefined) return options.session.run<I, O>(module, input, options);
  await using session = new EngineSession();
  return await session.run<I, O>(module, input, options);
}

/** Runs a task of several jobs in one session: that of its options, or one that is opened here and closed at the end. */
export async function inOneSession<O extends TaskOptions, T>(
  options: O,
  task: (options: O) => Promise<T>,
): Promise<T> {
  if (options.session !== undefined) return task(options);
  await using session = new EngineSession();
  return await task({ ...options, session });
}

interface Exchanged {
  end: JobEnd;
  /** The first error that a listener of the caller threw. */
  listenerError: { error: unknown } | null;
}

/** Sends the request and passes on the job's messages until it has ended. @throws SessionError if the thread ends first */
function exchange(
  worker: Worker,
  request: JobRequest,
  options: JobOptions,
  stop: () => void,
): Promise<Exchanged> {
  return new Promise<Exchanged>((resolve, reject) => {
    let listenerError: { error: unknown } | null = null;
    const settle = (action: () => void) => {
      worker.off("message", onMessage).off("error", onError).off("exit", onExit);
      action();
    };
    const onMessage = (message: JobMessage) => {
      if ("result" in message || "error" in message)
        return settle(() => resolve({ end: message, listenerError }));
      try {
        passOn(message, options);
      } catch (error) {
        // A listener may fail, for example on a full disk: the job then ends as after an abort, with what it has saved.
        listenerError ??= { error };
        stop();
      }
    };
    const onError = (cause: Error) =>
      settle(() =>
        reject(new SessionError(`the thread of the job failed: ${cause.message}`, AGAIN, { cause })),
      );
    const onExit = (code: number) =>
      settle(() => reject(new SessionError(`the thread of the job ended early with code ${code}`, AGAIN)));
    worker.on("message", onMessage).on("error", onError).on("exit", onExit);
    worker.postMessage(request);
  });
}

const closed = (): SessionError =>
  new SessionError("the session is closed", "Open another one for this job.");

const AGAIN = "What was saved is kept; run the same command again.";

function passOn(news: JobNews, { onProgress, onLog, onEvent }: JobOptions): void {
  if ("progress" in news) onProgress?.(news.progress);
  else if ("log" in news) onLog?.(news.log);
  else if ("event" in news) onEvent?.(news.event);
  else notice(news.notice, news.about);
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
