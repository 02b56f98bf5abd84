/**
 * Fetches studies and sends results, beside the predictions: a durable queue with a loop of its own for each archive and
 * direction, so that one which is offline holds up no other. What fails is tried again, ever more rarely.
 */
import { join } from "node:path";
import { DicomWebClient, DicomWebError, downloadStudy } from "@slicestack/pipeline";
import { LeaseLostError, LeaseQueue, type Lease, type QueueJob } from "@slicestack/pipeline/internal";
import type { AuditLog } from "../audit-log.js";
import { Naps } from "../jobs/naps.js";
import type { Predictions } from "../jobs/predictions.js";
import type { Log } from "../log.js";
import type { Delivery } from "../schema.js";
import { pullProblem } from "./problems.js";
import { requestOptionsOf, type Target, type Targets } from "./targets.js";

/** Objects that are sent in one request. */
const AT_ONCE = 20;
const IDLE_MS = 1000;
const HEARTBEAT_MS = 10_000;
/** How often a study is asked for, and how often an archive may refuse objects; being offline does not count for those. */
const MOST_PULLS = 8;
const MOST_REFUSALS = 6;
const MOST_SENDS = 100_000;
/** Another attempt would end in the same way. */
const FINAL: ReadonlySet<string> = new Set<DicomWebError["fault"]>([
  "address",
  "not-found",
  "refused",
  "too-large",
  "unauthorised",
]);

interface Sending {
  /** Numbers of the objects that the archive has not taken yet. */
  left: number[] | null;
  refusals: number;
}

interface Parts {
  predictions: Predictions;
  targets: Targets;
  audit: AuditLog;
  log: Log;
  limits: { maxUpload: number; maxFiles: number };
  /** Milliseconds before the first further attempt; doubles up to an hour. */
  backOff: number;
  /** Called when a study has arrived. */
  onArrival: () => void;
}

export class Transfers {
  readonly #queue: LeaseQueue;
  readonly #naps = new Naps();
  readonly #loops = new Map<string, Promise<void>>();
  readonly #running = new Map<string, { token: string; controller: AbortController }>();
  readonly #heartbeat: NodeJS.Timeout;
  #isStopping = false;

  constructor(
    data: string,
    private readonly parts: Parts,
  ) {
    this.#queue = LeaseQueue.open(join(data, "transfers.sqlite"), { backOff: parts.backOff });
    this.#queue.reclaim(); // what a crash of the server interrupted
    const { predictions } = parts;
    predictions.deliveriesOf = (id) => this.deliveriesOf(id);
    predictions.events.on("changed", ({ id, state }) => {
      if (state === "done") this.#sendAll(id);
    });
    predictions.events.on("gone", (id) => this.#forget(id));
    this.#recover();
    this.start();
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS).unref();
  }

  /** Starts the loops of archives that are new. */
  start(): void {
    for (const { name } of this.parts.targets.all)
      for (const kind of [`pull ${name}`, `push ${name}`])
        if (!this.#loops.has(kind)) this.#loops.set(kind, this.#serve(kind, name));
    this.#naps.end();
  }

  /** Fetches the study of a prediction, which waits for it. */
  pull(id: string, from: string): void {
    this.#queue.add([{ key: `pull ${id}`, kind: `pull ${from}`, payload: null, attempts: MOST_PULLS }]);
    this.#naps.end();
  }

  /** Sends the DICOM objects of a prediction; one that failed is begun again. */
  send(id: string, to: string): void {
    const key = keyOf(id, to);
    const payload: Sending = { left: null, refusals: 0 };
    if (this.#queue.find(key)?.state === "failed") this.#queue.forget([key]);
    this.#queue.add([{ key, kind: `push ${to}`, payload, attempts: MOST_SENDS }]);
    this.#naps.end();
    this.#changed(id);
  }

  deliveriesOf(id: string): Delivery[] {
    const names = new Set([
      ...this.parts.targets.all.map(({ name }) => name),
      ...(this.parts.predictions.folderOf(id).asked.sendTo ?? []),
    ]);
    return [...names].flatMap((name) => {
      const job = this.#queue.find(keyOf(id, name));
      return job === null ? [] : [this.#delivery(id, name, job)];
    });
  }

  /** Numbers of waiting and running transfers. */
  counts(): { waiting: number; running: number } {
    const { queued, leased } = this.#queue.counts();
    return { waiting: queued, running: leased };
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#heartbeat);
    for (const { controller } of this.#running.values()) controller.abort();
    this.#naps.end();
    await Promise.all(this.#loops.values());
    this.#queue[Symbol.dispose]();
  }

  #delivery(id: string, to: string, job: QueueJob): Delivery {
    const objects = this.parts.predictions.folderOf(id).outcome?.objects.length ?? 0;
    const { left } = job.payload as Sending;
    const states = { queued: "waiting", paused: "waiting", leased: "sending", done: "delivered" } as const;
    const state = job.state === "failed" || job.state === "cancelled" ? "failed" : states[job.state];
    const isRetried = job.state === "queued" && job.failures > 0;
    return {
      to,
      state,
      objects,
      stored: job.state === "done" ? objects : objects - (left?.length ?? objects),
      problem: state === "delivered" ? null : job.error,
      next: isRetried ? new Date(job.ready).toISOString() : null,
    };
  }

  async #serve(kind: string, name: string): Promise<void> {
    while (!this.#isStopping) {
      const target = this.parts.targets.find(name);
      if (target === null) break; // its transfers wait until it is configured again
      const lease = this.#attempt(() => this.#queue.lease({ kinds: [kind] })[0]);
      if (lease === undefined) await this.#naps.take(IDLE_MS);
      else await this.#run(lease, target);
    }
    this.#loops.delete(kind);
  }

  async #run(lease: Lease, target: Target): Promise<void> {
    const { key, token } = lease;
    const what = key.startsWith("pull") ? "pull" : "push";
    const id = predictionOf(key);
    const controller = new AbortController();
    this.#running.set(key, { token, controller });
    try {
      if (what === "pull") await this.#fetch(id, target, controller.signal);
      else await this.#deliver(id, lease, target, controller.signal);
      this.#queue.complete(token);
      this.#changed(id);
    } catch (error) {
      this.#attempt(() => this.#failed(id, lease, what, error));
    } finally {
      this.#running.delete(key);
    }
  }

  async #fetch(id: string, target: Target, signal: AbortSignal): Promise<void> {
    const { predictions, limits, audit, onArrival } = this.parts;
    const { from, who, model } = predictions.folderOf(id).asked;
    if (from === undefined || from === null) return;
    const series = from.series === undefined ? "" : `/series/${from.series}`;
    audit.write({ who, action: "fetch", prediction: id, model, pacs: target.name });
    using study = await downloadStudy(`${target.url}/studies/${from.study}${series}`, {
      ...requestOptionsOf(target, signal),
      parent: predictions.uploads,
      maxBytes: limits.maxUpload,
      maxObjects: limits.maxFiles,
      onProgress: ({ done, total }) =>
        predictions.progressed(id, { stage: "download", done, total, unit: "objects" }),
    });
    predictions.arrived(id, study.folder);
    onArrival();
  }

  async #deliver(id: string, lease: Lease, target: Target, signal: AbortSignal): Promise<void> {
    const { predictions, audit } = this.parts;
    const folder = predictions.folderOf(id);
    const objects = folder.outcome?.objects ?? [];
    const { who, model } = folder.asked;
    const sending = lease.payload as Sending;
    sending.left ??= objects.map((_, k) => k);
    const client = new DicomWebClient(target.url, requestOptionsOf(target, signal));
    const refused = new Map<number, string>();
    for (let at = 0; at < sending.left.length;) {
      const batch = sending.left.slice(at, at + AT_ONCE);
      const files = batch.map((k) => join(folder.dicom, objects[k]!.file));
      const uids = new Map(batch.map((k) => [objects[k]!.instance, k]));
      const reasons = await storedBy(client, files, [...uids.keys()]);
      for (const [uid, reason] of reasons) refused.set(uids.get(uid)!, reason);
      sending.left = sending.left.filter((k) => !batch.includes(k) || refused.has(k));
      at += batch.filter((k) => refused.has(k)).length;
      this.#queue.amend(lease.token, sending); // a crash sends at most one batch again, under the same UIDs
      this.#changed(id);
    }
    const [reason] = refused.values();
    if (reason !== undefined) throw new RefusedError(refused.size, reason);
    audit.write({ who, action: "deliver", prediction: id, model, pacs: target.name });
  }

  /** Records a failure: tried again, or given up. */
  #failed(id: string, lease: Lease, what: "pull" | "push", error: unknown): void {
    const { predictions, log } = this.parts;
    if (error instanceof LeaseLostError) return;
    if (!predictions.isThere(id)) {
      this.#queue.abandon(lease.token, "the prediction was removed");
      this.#queue.forget([lease.key]);
      return;
    }
    if (this.#isStopping) return void this.#queue.release(lease.token);
    const fault =
      error instanceof DicomWebError ? error.fault : error instanceof RefusedError ? "refused" : "unexpected";
    log("warn", `a ${what === "pull" ? "fetch" : "delivery"} failed`, {
      prediction: id,
      pacs: archiveOf(lease.kind),
      fault,
    });
    const isFinal = what === "pull" ? FINAL.has(fault) : this.#isFinalRefusal(lease, fault);
    const state = this.#queue.fail(lease.token, whyOf(error), { isFinal });
    if (state === "failed" && what === "pull") {
      predictions.refuse(id, pullProblem(error));
      this.parts.onArrival();
    }
    this.#changed(id);
  }

  #isFinalRefusal(lease: Lease, fault: string): boolean {
    if (fault !== "refused") return false;
    const sending = lease.payload as Sending;
    sending.refusals++;
    this.#queue.amend(lease.token, sending);
    return sending.refusals >= MOST_REFUSALS;
  }

  #sendAll(id: string): void {
    const folder = this.parts.predictions.folderOf(id);
    if ((folder.outcome?.objects.length ?? 0) === 0) return;
    for (const to of folder.asked.sendTo ?? []) this.send(id, to);
  }

  /** What a crash kept from being queued. */
  #recover(): void {
    const { predictions } = this.parts;
    for (const { key: id, state } of predictions.queue.list({ states: ["paused", "done"] })) {
      const { from } = predictions.folderOf(id).asked;
      if (state === "done") this.#sendAll(id);
      else if (from !== undefined && from !== null) this.pull(id, from.pacs);
    }
    const gone = this.#queue
      .list()
      .flatMap(({ key }) => (predictions.isThere(predictionOf(key)) ? [] : [key]));
    this.#queue.cancel(gone);
    this.#queue.forget(gone);
  }

  #forget(id: string): void {
    const jobs = this.#queue.list().filter(({ key }) => predictionOf(key) === id);
    for (const { key, kind, state } of jobs) {
      this.#running.get(key)?.controller.abort();
      if (key.startsWith("push") && (state === "queued" || state === "failed"))
        this.parts.log("warn", "results were removed before they were delivered", {
          prediction: id,
          pacs: archiveOf(kind),
        });
    }
    const keys = jobs.map(({ key }) => key);
    this.#queue.cancel(keys);
    this.#queue.forget(keys);
  }

  #changed(id: string): void {
    this.parts.predictions.events.emit(`id:${id}`);
  }

  #beat(): void {
    const tokens = [...this.#running.values()].map(({ token }) => token);
    if (tokens.length > 0) this.#attempt(() => this.#queue.heartbeat(tokens));
  }

  /** A queue or an audit log that cannot be written must not end the server. */
  #attempt<T>(body: () => T): T | undefined {
    try {
      return body();
    } catch (error) {
      const { name, code } = error as NodeJS.ErrnoException;
      this.parts.log("error", "a transfer could not be recorded", {
        kind: code === undefined ? name : `${name} ${code}`,
      });
      return undefined;
    }
  }
}

/** The archive has taken some objects, and not these. */
class RefusedError extends Error {
  override readonly name = "RefusedError";
  constructor(count: number, reason: string) {
    super(`${count} ${count === 1 ? "object was" : "objects were"} not stored (${reason})`);
  }
}

const keyOf = (id: string, to: string): string => `push ${id} ${to}`;
/** Of the key of a job, "pull ID" or "push ID NAME". */
const predictionOf = (key: string): string => key.split(" ")[1]!;
/** Of the kind of a job, "pull NAME" or "push NAME". */
const archiveOf = (kind: string): string => kind.slice("pull ".length);

/** For clients: an error that nobody foresaw may name files of the server. */
const whyOf = (error: unknown): string =>
  error instanceof RefusedError ? error.message : pullProblem(error).detail;

/** Stores files. @returns why, for each UID that was not stored   @throws DicomWebError unless the archive answers for each */
async function storedBy(
  client: DicomWebClient,
  files: readonly string[],
  uids: readonly string[],
): Promise<Map<string, string>> {
  const { stored, failed } = await client.store(files);
  if (stored.length === 0 && failed.length === 0) return new Map(); // a server that answers without details took all
  const reasons = new Map(failed.map(({ instance, reason }) => [instance, `reason ${reason ?? "unknown"}`]));
  const taken = new Set(stored);
  return new Map(
    uids.flatMap((uid) => (taken.has(uid) ? [] : [[uid, reasons.get(uid) ?? "not mentioned in the answer"]])),
  );
}
