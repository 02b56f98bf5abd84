/** What the routes of a server share. */
import type { AuditLog } from "./audit-log.js";
import type { Dispatcher } from "./jobs/dispatcher.js";
import type { Predictions } from "./jobs/predictions.js";
import type { WorkerPool } from "./jobs/worker-pool.js";
import type { Log } from "./log.js";
import type { Metrics } from "./metrics.js";
import type { Targets } from "./pacs/targets.js";
import type { Transfers } from "./pacs/transfers.js";
import type { Settings } from "./options.js";
import type { Tokens } from "./tokens.js";

export interface Service {
  settings: Settings;
  pool: WorkerPool;
  predictions: Predictions;
  dispatcher: Dispatcher;
  targets: Targets;
  transfers: Transfers;
  metrics: Metrics;
  audit: AuditLog;
  /** null if none are required. */
  tokens: Tokens | null;
  log: Log;
  /** Whether the server is being stopped. */
  isStopping: boolean;
}
