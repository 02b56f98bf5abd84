/** Starts a server: its data folder, its workers, its queue, its address. */
import { chmodSync } from "node:fs";
import { resolve } from "node:path";
import { claimFolder, FolderLock, refuseForeign } from "@slicestack/pipeline/internal";
import { createApp } from "./app.js";
import { AuditLog } from "./audit-log.js";
import { startDimse } from "./dimse/start.js";
import { Dispatcher } from "./jobs/dispatcher.js";
import { Predictions } from "./jobs/predictions.js";
import { WorkerPool } from "./jobs/worker-pool.js";
import type { BatchListener } from "./worker/model-worker.js";
import { listen } from "./listen.js";
import type { Log } from "./log.js";
import { Problem } from "./problem.js";
import { Metrics } from "./metrics.js";
import { Targets } from "./pacs/targets.js";
import { Transfers } from "./pacs/transfers.js";
import { settingsOf, type ServeOptions, type Settings } from "./options.js";
import type { ServedModel } from "./schema.js";
import type { Service } from "./service.js";
import { Tokens } from "./tokens.js";

const EXPIRE_MS = 60_000;

/** A server that runs. */
export interface Server extends AsyncDisposable {
  /** e.g. http://127.0.0.1:8080 */
  readonly url: string;
  /** Port of the receiver of C-STORE; null without one. */
  readonly dimsePort: number | null;
  readonly models: readonly ServedModel[];
  /** Processes that predict. */
  readonly workers: readonly number[];
  /** Reads the models and the tokens again; they stay as they were if that fails. @throws the reason */
  reload(): Promise<void>;
  /** Takes no more requests, waits for what runs, and ends. What is still waiting runs after the next start. */
  close(): Promise<void>;
}

/**
 * @throws ServeError if the options contradict each other, or the address is in use   @throws FolderError, LockedError,
 *   QueueError   @throws PredictionFailedError if a model cannot be opened
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const settings = settingsOf(options);
  const targets = new Targets(settings.pacs);
  const data = resolve(settings.data);
  const tokens = settings.tokens === null ? null : new Tokens(settings.tokens);
  refuseForeign(data, "server");
  claimFolder(data, "server");
  hide(data);
  const closing = new Closing();
  try {
    return await started(settings, data, { tokens, targets }, closing);
  } catch (error) {
    await closing.close();
    throw error;
  }
}

async function started(
  settings: Settings,
  data: string,
  { tokens, targets }: Pick<Service, "tokens" | "targets">,
  closing: Closing,
): Promise<Server> {
  const lock = FolderLock.take(data);
  closing.add(() => lock[Symbol.dispose]());
  let metrics: Metrics | null = null;
  const pool = await startPool(settings, (scans, slices) => metrics?.batch(scans, slices));
  closing.add(() => pool.close());
  const predictions = new Predictions(data, settings);
  closing.add(() => predictions[Symbol.dispose]());
  metrics = new Metrics(predictions, pool);
  const log = logOf(settings);
  const dispatcher = new Dispatcher(predictions.queue, pool, {
    timeout: settings.timeout,
    together: settings.together,
    folderOf: (id) => predictions.folderOf(id).path,
    refusalOf: (id) => predictions.folderOf(id).asked.refusal ?? null,
    on: predictions.listener,
    log,
  });
  closing.add(() => dispatcher.stop(settings.grace));
  const audit = new AuditLog(data);
  const transfers = new Transfers(data, {
    predictions,
    targets,
    audit,
    log,
    limits: settings,
    backOff: settings.pacsBackOff,
    onArrival: () => dispatcher.wake(),
  });
  closing.add(() => transfers.stop());
  const service: Service = {
    settings,
    pool,
    predictions,
    dispatcher,
    targets,
    transfers,
    metrics,
    audit,
    tokens,
    log,
    isStopping: false,
  };
  const dimse = await startDimse(service, data);
  if (dimse !== null) closing.add(() => dimse.close());
  const app = await createApp(service);
  closing.add(() => stopApp(app, service));
  const expiring = setInterval(() => expire(service), EXPIRE_MS);
  closing.add(() => clearInterval(expiring));
  closing.add(() => void (service.isStopping = true));
  const url = await listen(app, settings);
  log("info", "listening", { url, models: pool.models.map(({ name }) => name) });
  const close = () => closing.close();
  return {
    url,
    dimsePort: dimse?.port ?? null,
    get models() {
      return pool.models;
    },
    get workers() {
      return pool.pids;
    },
    reload: async () => {
      tokens?.reload();
      targets.reload();
      transfers.start();
      await pool.reload();
      log("info", "reloaded", {
        models: pool.models.map(({ name, sha256 }) => `${name} ${sha256.slice(0, 12)}`),
      });
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Makes the folder readable by its owner alone, as far as it is this user's. */
function hide(folder: string): void {
  try {
    chmodSync(folder, 0o700);
  } catch {
    // Another user's: the folders of uploads and predictions in it are hidden nevertheless.
  }
}

/** What must end, in the reverse order of its beginning. */
class Closing {
  #ends: (() => Promise<void> | void)[] = [];
  #closed: Promise<void> | null = null;

  add(end: () => Promise<void> | void): void {
    this.#ends.unshift(end);
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      const failures: unknown[] = [];
      for (const end of this.#ends) {
        try {
          await end();
        } catch (error) {
          failures.push(error); // what is left must end nevertheless
        }
      }
      if (failures.length > 0) throw failures[0];
    })();
    return this.#closed;
  }
}

function startPool(
  { models, allowPlugins, workers, device, threads, precision }: Settings,
  onBatch: BatchListener,
): Promise<WorkerPool> {
  const compute = {
    ...(device === undefined ? {} : { device }),
    ...(threads === undefined ? {} : { threads }),
    ...(precision === undefined ? {} : { precision }),
  };
  const paths = [...models].map(([name, path]) => ({ name, path: resolve(path) }));
  return WorkerPool.start({ models: paths, allowPlugins, compute }, workers, onBatch);
}

/** The longest that answers may take once no prediction runs any more. */
const ANSWER_MS = 2000;

/**
 * Takes no more requests, and lets running predictions end. Whoever waits for another one then hears how it is; uploads
 * that have not arrived by then are cut off.
 */
async function stopApp(
  app: Awaited<ReturnType<typeof createApp>>,
  { dispatcher, predictions, settings }: Service,
): Promise<void> {
  const closed = app.close();
  await dispatcher.stop(settings.grace);
  predictions.stop();
  const late = setTimeout(() => app.server.closeAllConnections(), ANSWER_MS);
  await closed;
  clearTimeout(late);
}

function expire({ predictions, audit, log }: Service): void {
  try {
    predictions.refuseLate(NOT_IN_TIME);
    for (const one of predictions.expire()) {
      if ("error" in one) notRemoved(log, one.error);
      else audit.write({ who: one.who, action: "expire", prediction: one.id, model: one.model });
    }
  } catch (error) {
    notRemoved(log, error);
  }
}

const NOT_IN_TIME = new Problem(
  "not-fetched",
  "The study could not be fetched within the time for which results are kept",
  "Ask for it again.",
);

const notRemoved = (log: Log, error: unknown): void =>
  log("error", "an expired prediction could not be removed", { code: (error as NodeJS.ErrnoException).code });

/** Lines of JSON without patient data: no names of files, no ids of scans. */
const logOf =
  ({ log }: Settings): Log =>
  (level, message, facts = {}) =>
    log(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...facts })}\n`);
