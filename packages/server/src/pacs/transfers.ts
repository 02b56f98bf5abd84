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
import { networkReason, pullProblem } from "./problems.js";
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
        if (!this.#loops.has(kind) && this.#targetOf(kind) !== null) this.#loops.set(kind, this.#serve(kind));
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

  /** The archive of a kind of transfers; null if it is not configured for them. */
  #targetOf(kind: string): Target | null {
    const target = this.parts.targets.find(archiveOf(kind));
    return target?.[wayOf(kind)] === true ? target : null;
  }

  async #serve(kind: string): Promise<void> {
    while (!this.#isStopping) {
      const target = this.#targetOf(kind);
      if (target === null) break; // its transfers wait until it is configured again
      const lease = this.#attempt(() => this.#queue.lease({ kinds: [kind] })[0]);
      if (lease === undefined) await this.#naps.take(IDLE_MS);
      else await this.#run(lease, target);
    }
    this.#loops.delete(kind);
  }

  async #run(lease: Lease, target: Target): Promise<void> {
    const { key, token } = lease;
    const id = predictionOf(key);
    const controller = new AbortController();
    this.#running.set(key, { token, controller });
    let end: () => void;
    try {
      if (wayOf(key) === "pull") await this.#fetch(id, target, controller.signal);
      else await this.#deliver(id, lease, target, controller.signal);
      end = () => this.#queue.complete(token);
    } catch (error) {
      end = this.#endOf(id, lease, error);
    }
    await this.#recorded(end);
    this.#running.delete(key);
    this.#changed(id);
  }

  /** Records how a transfer has ended, once the queue can be written: its disk may be full for a while. */
  async #recorded(end: () => void): Promise<void> {
    for (;;) {
      try {
        return end();
      } catch (error) {
        if (error instanceof LeaseLostError) return;
        this.#report(error);
        if (this.#isStopping) return; // it is tried again after the next start
        await this.#naps.take(IDLE_MS);
      }
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

  /** How a failure is recorded: the transfer is tried again, or given up. */
  #endOf(id: string, lease: Lease, error: unknown): () => void {
    const { predictions, log, onArrival } = this.parts;
    const { token, key } = lease;
    if (error instanceof LeaseLostError) return () => {};
    if (!predictions.isThere(id))
      return () => {
        this.#queue.abandon(token, "the prediction was removed");
        this.#queue.forget([key]);
      };
    if (this.#isStopping) return () => void this.#queue.release(token);
    const way = wayOf(key);
    const fault = faultOf(error);
    log("warn", `a ${way === "pull" ? "fetch" : "delivery"} failed`, {
      prediction: id,
      pacs: archiveOf(lease.kind),
      fault,
      reason: networkReason(error),
    });
    if (way === "pull")
      return () => {
        const state = this.#queue.fail(token, whyOf(error), { isFinal: FINAL.has(fault) });
        if (state !== "failed") return;
        predictions.refuse(id, pullProblem(error));
        onArrival();
      };
    const sending = lease.payload as Sending;
    if (fault === "refused") sending.refusals++;
    return () => {
      this.#queue.amend(token, sending);
      this.#queue.fail(token, whyOf(error), { isFinal: sending.refusals >= MOST_REFUSALS });
    };
  }

  #sendAll(id: string): void {
    const folder = this.parts.predictions.folderOf(id);
    if ((folder.outcome?.objects.length ?? 0) === 0) return;
    for (const to of folder.asked.sendTo ?? [])
      if (this.#queue.find(keyOf(id, to)) === null) this.send(id, to); // one that failed is begun again only when asked for
  }

  /** What a crash, or a full disk, kept from being queued or recorded. */
  #recover(): void {
    const { predictions } = this.parts;
    for (const { key: id, state } of predictions.queue.list({ states: ["paused", "done"] })) {
      const { from } = predictions.folderOf(id).asked;
      if (state === "done") this.#sendAll(id);
      else if (from !== undefined && from !== null) {
        this.#queue.forget([`pull ${id}`]); // one that has ended, though its prediction still waits
        this.pull(id, from.pacs);
      }
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
      if (wayOf(key) === "push" && (state === "queued" || state === "failed"))
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
      this.#report(error);
      return undefined;
    }
  }

  #report(error: unknown): void {
    const { name, code } = error as NodeJS.ErrnoException;
    this.parts.log("error", "a transfer could not be recorded", {
      kind: code === undefined ? name : `${name} ${code}`,
    });
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
/** Of a key or a kind. */
const wayOf = (key: string): "pull" | "push" => (key.startsWith("pull") ? "pull" : "push");

const faultOf = (error: unknown): string =>
  error instanceof DicomWebError ? error.fault : error instanceof RefusedError ? "refused" : "unexpected";

/** For clients: an error that nobody foresaw may name files of the server. */
const whyOf = (error: unknown): string =>
  error instanceof RefusedError ? error.message : pullProblem(error).detail;

/** The archive knows that it has the object (DICOM PS3.4 table W.4-1 and PS3.18: duplicate SOP instance). */
const DUPLICATE = 0x0111;

/** Stores files. @returns why, for each UID that was not stored   @throws DicomWebError unless the archive answers for each */
async function storedBy(
  client: DicomWebClient,
  files: readonly string[],
  uids: readonly string[],
): Promise<Map<string, string>> {
  const { stored, failed } = await client.storeEach(files);
  if (stored.length === 0 && failed.length === 0) return new Map(); // a server that answers without details took all
  const taken = new Set([
    ...stored,
    ...failed.filter(({ reason }) => reason === DUPLICATE).map(({ instance }) => instance),
  ]);
  const reasons = new Map(failed.map(({ instance, reason }) => [instance, `reason ${reason ?? "unknown"}`]));
  return new Map(
    uids.flatMap((uid) => (taken.has(uid) ? [] : [[uid, reasons.get(uid) ?? "not mentioned in the answer"]])),
  );
}
