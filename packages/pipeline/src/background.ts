/** Runs a long synchronous job in a worker thread, so that progress, signals and HTTP stay alive on the main one. */
import { parentPort, Worker, workerData } from "node:worker_threads";
import { explained } from "./data/system-errors.js";
import { notice, onNotice } from "./notices.js";
import type { Progress } from "./progress.js";
import { packError, unpackError, type PackedError } from "./thread-errors.js";

/** What a job says on its way. */
type Told = { progress: Progress } | { log: string } | { event: unknown } | { notice: string; about: string };
type Message<O> = Told | { result: O } | { error: PackedError };

export interface BackgroundOptions {
  onProgress?: (progress: Progress) => void;
  /** What a reader should know although the job goes on: a line of text. */
  onLog?: (line: string) => void;
  signal?: AbortSignal;
}

/** What one kind of job tells besides, in its own words. */
interface EventOptions {
  onEvent?: (event: unknown) => void;
}

/** The options that a job of many hands passes on. */
export function backgroundOf({ onProgress, onLog, signal }: BackgroundOptions): BackgroundOptions {
  return {
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(onLog === undefined ? {} : { onLog }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** What the job sees of the outside. */
export interface JobContext {
  report: (progress: Progress) => void;
  log: (line: string) => void;
  event: (event: unknown) => void;
  /** True once the caller has asked to stop: finish the step, save, return. */
  stopping: () => boolean;
}

/**
 * Starts `module` in a worker with `input`; the module calls `serveJob`.
 * An abort is passed on as a wish: the job ends in its own way and still returns a result. So is an error of `onProgress`,
 * `onLog` or `onEvent`, which is thrown in its place once the job has ended.
 */
export function runInBackground<I, O>(
  module: URL,
  input: I,
  { onProgress, onLog, onEvent, signal }: BackgroundOptions & EventOptions,
): Promise<O> {
  const flag = new SharedArrayBuffer(4);
  const stop = () => Atomics.store(new Int32Array(flag), 0, 1);
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop, { once: true });
  const worker = new Worker(module, { workerData: { input, flag } });
  const tell = (message: Told) => {
    if ("progress" in message) onProgress?.(message.progress);
    else if ("log" in message) onLog?.(message.log);
    else if ("event" in message) onEvent?.(message.event);
    else notice(message.notice, message.about);
  };
  return new Promise<O>((resolve, reject) => {
    let failed: { error: unknown } | null = null;
    const end = (settle: () => void) => (failed === null ? settle() : reject(asError(failed.error)));
    worker.on("message", (message: Message<O>) => {
      if ("result" in message) return end(() => resolve(message.result));
      if ("error" in message) return end(() => reject(unpackError(message.error)));
      try {
        tell(message);
      } catch (error) {
        // Whoever is told may meet a full disk: the job then ends as by an abort, with what it has saved.
        failed ??= { error };
        stop();
      }
    });
    worker.on("error", (error) => end(() => reject(error)));
    worker.on("exit", (code) => end(() => reject(new Error(`the worker ended early with code ${code}`))));
  }).finally(() => {
    signal?.removeEventListener("abort", stop);
    return worker.terminate();
  });
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/** Thrown by a job that was asked to stop and has nothing to save. */
export class JobStopped extends Error {
  override readonly name = "AbortError";
  constructor() {
    super("stopped");
  }
}

/** @throws JobStopped where the caller has asked to stop */
export function stopIfAsked(job: Pick<JobContext, "stopping">): void {
  if (job.stopping()) throw new JobStopped();
}

/** The worker's side: runs `job` on the input and sends what it returns. */
export function serveJob<I, O>(job: (input: I, context: JobContext) => O): void {
  if (parentPort === null) throw new Error("serveJob belongs into a worker thread");
  const port = parentPort;
  const { input, flag } = workerData as { input: I; flag: SharedArrayBuffer };
  const stopFlag = new Int32Array(flag);
  const send = (message: Message<O>) => port.postMessage(message);
  onNotice((text, about) => send({ notice: text, about }));
  try {
    send({
      result: job(input, {
        report: (progress) => send({ progress }),
        log: (log) => send({ log }),
        event: (event) => send({ event }),
        stopping: () => Atomics.load(stopFlag, 0) === 1,
      }),
    });
  } catch (error) {
    send({ error: packError(explained(error)) });
  }
}
