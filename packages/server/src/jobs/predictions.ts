/**
 * The predictions of a server: each is a folder and a job of a durable queue. A prediction that was accepted is on disk
 * before its id is given out, and runs after a crash.
 */
import { createHash, randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { LeaseQueue, makeFolder, QueueFullError, type QueueJob } from "@slicestack/pipeline/internal";
import { Problem } from "../problem.js";
import type { Delivery, Prediction, PredictionRequest, ProblemBody, RemoteStudy } from "../schema.js";
import type { Upload } from "../upload/receive.js";
import type { StageSeconds } from "../worker/messages.js";
import type { Progress } from "../worker/model-worker.js";
import { ATTEMPTS, type DispatcherEvents } from "./dispatcher.js";
import { PredictionFolder, type Asked } from "./prediction-folder.js";

export interface Changed {
  id: string;
  model: string;
  who: string;
  state: Prediction["state"];
  /** Milliseconds that it waited, and seconds of each stage; null before its end. */
  waited: number | null;
  seconds: StageSeconds | null;
  /** Ids of the scans; empty before its end. */
  scans: string[];
  /** Of the model that made the results; null if there are none. */
  modelSha256: string | null;
}

interface Events {
  changed: [Changed];
  /** Everything of the prediction with this id was removed. */
  gone: [string];
  /** Emitted for one id when its state or progress changes. */
  [id: `id:${string}`]: [];
}

interface Gone {
  id: string;
  who: string;
  model: string;
}

interface Stuck {
  error: unknown;
}

export interface NewPrediction {
  who: string;
  model: string;
  options: Omit<PredictionRequest, "model" | "sendTo">;
  /** Archives to which the DICOM objects are sent; default none. */
  sendTo?: string[];
  /** Idempotency-Key of the request. */
  key: string | null;
}

export class Predictions implements Disposable {
  readonly events = new EventEmitter<Events>();
  /** What is on its way to archives. */
  deliveriesOf: (id: string) => Delivery[] = () => [];
  readonly queue: LeaseQueue;
  readonly uploads: string;
  readonly #folder: string;
  readonly #progress = new Map<string, Progress>();
  readonly #receiving = new Set<string>();
  readonly #removing = new Set<string>();
  #isStopped = false;
  /** Mean seconds of a prediction, for Retry-After. */
  #meanSeconds = 10;

  constructor(
    data: string,
    private readonly options: { queue: number; keep: number },
  ) {
    this.#folder = join(data, "predictions");
    this.uploads = join(data, "uploads");
    this.events.setMaxListeners(0);
    rmSync(this.uploads, { recursive: true, force: true }); // left by a crash in the middle of an upload
    for (const folder of [this.#folder, this.uploads]) makeFolder(folder, 0o700);
    this.queue = LeaseQueue.open(join(data, "queue.sqlite"), { maxWaiting: options.queue });
    this.queue.reclaim(); // what a crash of the server interrupted
    for (const id of readdirSync(this.#folder)) if (this.queue.find(id) === null) this.#recover(id);
    // A prediction that was being deleted.
    const torn = this.queue.list().flatMap(({ key }) => (this.folderOf(key).isWhole ? [] : [key]));
    for (const id of torn) this.#removeFolder(id);
    this.queue.cancel(torn);
    this.queue.forget(torn);
  }

  /** The server crashed before the job was in the queue. The id of an upload was not given out; a received object was confirmed. */
  #recover(id: string): void {
    const folder = this.folderOf(id);
    const isReceived = folder.isWhole && folder.asked.fingerprint === STORED && existsSync(folder.input);
    if (!isReceived) return this.#removeFolder(id);
    try {
      this.queue.add([{ key: id, kind: folder.asked.model, payload: null, attempts: ATTEMPTS }]);
    } catch (error) {
      if (!(error instanceof QueueFullError)) throw error; // it waits for the next start
    }
  }

  folderOf = (id: string): PredictionFolder => new PredictionFolder(join(this.#folder, id));

  /** Refuses an upload before it is read. @throws Problem if the queue is full */
  refuseIfFull(): void {
    if (this.queue.counts().queued >= this.options.queue) throw this.#full();
  }

  /**
   * Adds a prediction, whose upload `receive` reads. A repeated key returns the prediction that it made.
   * @throws Problem if the queue is full, or the key was used for another request   @throws what `receive` throws
   */
  async add(wanted: NewPrediction, receive: () => Promise<Upload>): Promise<string> {
    const { who, model, options, sendTo = [], key } = wanted;
    const id = key === null ? randomUUID() : idOfKey(who, key);
    if (this.#receiving.has(id))
      throw new Problem(
        "already-in-progress",
        "A request with this Idempotency-Key is being received",
        "Wait for it.",
      );
    this.#receiving.add(id);
    try {
      const upload = await receive();
      try {
        const fingerprint = sha256(JSON.stringify([model, options, sendTo, upload.sha256]));
        if (this.queue.find(id) !== null) return this.#sameRequest(id, fingerprint);
        const asked = { who, model, options, sendTo, from: null, files: upload.files, fingerprint };
        this.#store(id, upload.folder, asked);
        this.#changed(id, null);
        return id;
      } finally {
        await rm(upload.folder, { recursive: true, force: true });
      }
    } finally {
      this.#receiving.delete(id);
    }
  }

  /** Adds a prediction of files on disk; they stay where they are if it is refused. @throws Problem if the queue is full */
  addStored(id: string, wanted: Omit<NewPrediction, "key">, folder: string, files: string[]): void {
    const { who, model, options, sendTo = [] } = wanted;
    this.refuseIfFull();
    this.#store(id, folder, { who, model, options, sendTo, from: null, files, fingerprint: STORED });
    this.#changed(id, null);
  }

  /**
   * Adds a prediction of a study that is fetched. It waits until `arrived` or `refuse` is called.
   * @throws Problem as `add`
   */
  addRemote(wanted: NewPrediction, from: RemoteStudy): string {
    const { who, model, options, sendTo = [], key } = wanted;
    const id = key === null ? randomUUID() : idOfKey(who, key);
    const fingerprint = sha256(JSON.stringify([model, options, sendTo, from]));
    if (this.queue.find(id) !== null) return this.#sameRequest(id, fingerprint);
    this.#store(id, null, { who, model, options, sendTo, from, files: [], fingerprint });
    this.#changed(id, null);
    return id;
  }

  /** Takes a folder with the study of a prediction, which can run now. */
  arrived(id: string, study: string): void {
    if (this.queue.find(id)?.state !== "paused") return; // cancelled, or it arrived before a crash
    const folder = this.folderOf(id);
    rmSync(folder.input, { recursive: true, force: true });
    renameSync(study, folder.input);
    folder.writeAsked({ ...folder.asked, files: readdirSync(folder.input).sort() });
    this.#resume(id);
  }

  /** The study of a prediction cannot be fetched: it fails when its turn comes. */
  refuse(id: string, { body: refusal }: Problem): void {
    if (this.queue.find(id)?.state !== "paused") return;
    const folder = this.folderOf(id);
    folder.writeAsked({ ...folder.asked, refusal });
    this.#resume(id);
  }

  #resume(id: string): void {
    this.queue.resume([id]);
    this.#progress.delete(id);
    this.events.emit(`id:${id}`);
  }

  progressed(id: string, progress: Progress): void {
    this.#progress.set(id, progress);
    this.events.emit(`id:${id}`);
  }

  /** Whether there is such a prediction, whose removal has not begun. */
  isThere(id: string): boolean {
    return !this.#removing.has(id) && this.queue.find(id) !== null && this.folderOf(id).isWhole;
  }

  /**
   * Moves the upload to its place, and adds the job. If either fails, it is where it was.
   * @param upload null for a study that is yet to be fetched
   */
  #store(id: string, upload: string | null, asked: Asked): void {
    const folder = this.folderOf(id);
    try {
      mkdirSync(folder.path, { mode: 0o700 });
      folder.writeAsked(asked); // first, so that a folder with an input says whose it is
      if (upload !== null) renameSync(upload, folder.input);
      this.queue.together(() => {
        this.queue.add([{ key: id, kind: asked.model, payload: null, attempts: ATTEMPTS }]);
        if (upload === null) this.queue.pause([id]);
      });
    } catch (error) {
      if (upload !== null && existsSync(folder.input)) renameSync(folder.input, upload);
      this.#removeFolder(id);
      throw error instanceof QueueFullError ? this.#full() : error;
    }
  }

  #sameRequest(id: string, fingerprint: string): string {
    if (this.folderOf(id).asked.fingerprint === fingerprint) return id;
    throw new Problem(
      "key-reused",
      "This Idempotency-Key was sent with another upload or other options",
      "Use a new key for each request; repeat a request unchanged.",
    );
  }

  #full(): Problem {
    const { queued, leased } = this.queue.counts();
    const seconds = Math.min(3600, Math.max(1, Math.ceil(((queued + leased) * this.#meanSeconds) / 2)));
    return new Problem(
      "queue-full",
      `${queued} predictions are waiting, which is as many as this server accepts`,
      `Try again in ${seconds} s.`,
      { "retry-after": String(seconds) },
    );
  }

  /** @throws Problem if there is none, or it belongs to another token */
  of(id: string, who: string): Prediction {
    const job = this.#job(id, who);
    const folder = this.folderOf(id);
    const state = stateOf(job);
    const outcome = state === "done" ? folder.outcome : null;
    const self = `/v1/predictions/${id}`;
    const maps = (outcome?.results ?? []).flatMap(({ maps: files }) => files);
    return {
      id,
      model: folder.asked.model,
      state,
      created: new Date(job.created).toISOString(),
      ended: timeOf(job.ended),
      expires: timeOf(job.ended === null ? null : job.ended + this.options.keep),
      waitingBefore: state === "queued" ? this.#waitingBefore(id) : null,
      progress: job.ended === null ? (this.#progress.get(id) ?? null) : null,
      results: outcome?.results ?? null,
      unreadable: outcome?.unreadable ?? null,
      objects:
        outcome?.objects.map(({ kind, instance }, k) => ({ kind, instance, link: `${self}/dicom/${k}` })) ??
        null,
      withoutObjects: outcome?.withoutObjects ?? null,
      deliveries: this.deliveriesOf(id),
      problem: state === "failed" && job.error !== null ? problemFrom(job.error) : null,
      links: {
        self,
        events: `${self}/events`,
        result: `${self}/result`,
        ...Object.fromEntries(maps.map((name, k) => [`map/${name}`, `${self}/maps/${k}`])),
        ...((outcome?.objects.length ?? 0) > 0 ? { dicom: `${self}/dicom` } : {}),
      },
    };
  }

  /** The predictions of a token, the newest first, without their results. */
  newest(who: string, most: number): Prediction[] {
    const found: Prediction[] = [];
    for (const { key: id } of this.queue.list().reverse()) {
      if (found.length === most) break;
      const folder = this.folderOf(id);
      if (this.#removing.has(id) || !folder.isWhole || folder.asked.who !== who) continue;
      const nothing = { results: null, unreadable: null, objects: null, withoutObjects: null };
      found.push({ ...this.of(id, who), ...nothing });
    }
    return found;
  }

  /** @returns the path and the name of a map of a prediction   @throws Problem */
  map(id: string, who: string, number: number): { path: string; name: string } {
    this.#job(id, who);
    const folder = this.folderOf(id);
    const name = (folder.outcome?.results ?? []).flatMap(({ maps }) => maps)[number];
    if (name === undefined) throw new Problem("not-found", `The prediction has no map ${number}`);
    return { path: join(folder.output, name), name };
  }

  /** @returns the path of a DICOM object of a prediction, or of the archive of all   @throws Problem */
  object(id: string, who: string, number: number | "all"): string {
    this.#job(id, who);
    const folder = this.folderOf(id);
    const objects = folder.outcome?.objects ?? [];
    if (number === "all" && objects.length > 0) return folder.archive;
    const object = number === "all" ? undefined : objects[number];
    if (object === undefined)
      throw new Problem(
        "not-found",
        number === "all" ? "The prediction has no DICOM objects" : `The prediction has no object ${number}`,
        "Ask for them with ?dicom=true; scans that are not DICOM have none.",
      );
    return join(folder.dicom, object.file);
  }

  /** Removes everything of a prediction; one that runs is cancelled first. @throws Problem if there is none */
  async remove(id: string, who: string, cancel: (id: string) => void): Promise<void> {
    const { ended } = this.#job(id, who);
    this.#removing.add(id);
    try {
      if (ended === null) {
        this.queue.cancel([id]);
        cancel(id);
        await this.ended(id, Infinity);
      }
      this.#forget(id);
    } finally {
      this.#removing.delete(id);
    }
  }

  /** Removes predictions that ended longer ago than they are kept. @returns what they were, or why one is still there */
  expire(now = Date.now()): (Gone | Stuck)[] {
    const ended = this.queue.list({ states: ["done", "failed", "cancelled"] });
    const old = ended.filter((job) => job.ended !== null && job.ended + this.options.keep <= now);
    return old.map(({ key: id, kind: model }) => {
      try {
        const folder = this.folderOf(id);
        const who = folder.isWhole ? folder.asked.who : "";
        this.#forget(id);
        return { id, who, model };
      } catch (error) {
        return { error }; // the others must not be kept because of this one
      }
    });
  }

  /** Refuses predictions that have waited for their study longer than results are kept: its archive may be gone for good. */
  refuseLate(problem: Problem, now = Date.now()): void {
    for (const { key: id, created } of this.queue.list({ states: ["paused"] }))
      if (created + this.options.keep <= now) this.refuse(id, problem);
  }

  /** Waits until a prediction has ended. @returns whether it has, after at most `milliseconds` */
  async ended(id: string, milliseconds: number, signal?: AbortSignal): Promise<boolean> {
    const until = Date.now() + milliseconds;
    while (!this.#hasEnded(id)) {
      const left = Math.min(until - Date.now(), 5000);
      if (left <= 0 || signal?.aborted === true || this.#isStopped) return false;
      await this.changed(id, left, signal);
    }
    return true;
  }

  /** Waits for the next change of a prediction, at most so long. */
  async changed(id: string, milliseconds: number, signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.events.off(`id:${id}`, end);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      this.events.on(`id:${id}`, end);
      signal?.addEventListener("abort", end);
    });
  }

  /** Ends all waiting: nothing changes any more. */
  stop(): void {
    this.#isStopped = true;
    for (const name of this.events.eventNames()) if (isOfId(name)) this.events.emit(name);
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** What the dispatcher reports. */
  readonly listener: DispatcherEvents = {
    started: (id) => this.#changed(id, null),
    progress: (id, progress) => this.progressed(id, progress),
    ended: (id, _state, seconds) => {
      this.#progress.delete(id);
      if (seconds !== null) this.#meanSeconds += (seconds.prepare + seconds.predict - this.#meanSeconds) / 10;
      if (this.queue.find(id) !== null) this.#changed(id, seconds);
    },
  };

  #changed(id: string, seconds: StageSeconds | null): void {
    const job = this.queue.find(id)!;
    const state = stateOf(job);
    const { model, who } = this.folderOf(id).asked;
    const [first] = state === "queued" ? [] : this.queue.attempts(id);
    const waited = first === undefined ? null : first.started - job.created;
    const results = state === "done" ? (this.folderOf(id).outcome?.results ?? []) : [];
    const scans = results.map((result) => result.id);
    const modelSha256 = results[0]?.model.sha256 ?? null;
    try {
      this.events.emit("changed", { id, model, who, state, waited, seconds, scans, modelSha256 });
    } finally {
      this.events.emit(`id:${id}`); // whoever waits must hear of it even if it cannot be recorded
    }
  }

  #job(id: string, who: string): QueueJob {
    const job = UUID.test(id) && !this.#removing.has(id) ? this.queue.find(id) : null;
    if (job === null || this.folderOf(id).asked.who !== who)
      throw new Problem("not-found", "There is no such prediction", "It may have expired.");
    return job;
  }

  #hasEnded(id: string): boolean {
    const job = this.queue.find(id);
    return job === null || job.ended !== null;
  }

  #waitingBefore(id: string): number | null {
    const place = this.queue.list({ states: ["queued"] }).findIndex(({ key }) => key === id);
    return place < 0 ? null : place; // one whose study is being fetched has no place yet
  }

  #forget(id: string): void {
    this.#removeFolder(id); // first, so that a crash between the two leaves a row without a folder, which can be removed
    this.queue.forget([id]);
    this.#progress.delete(id);
    this.events.emit("gone", id);
    this.events.emit(`id:${id}`);
  }

  #removeFolder(id: string): void {
    rmSync(this.folderOf(id).path, { recursive: true, force: true });
  }

  [Symbol.dispose](): void {
    this.queue[Symbol.dispose]();
  }
}

/** Fingerprint of files that were received in another way than by a request, which could be repeated. */
const STORED = "";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const STATES = {
  queued: "queued",
  paused: "queued",
  leased: "running",
  done: "done",
  failed: "failed",
  cancelled: "cancelled",
} as const;

const stateOf = ({ state }: QueueJob): Prediction["state"] => STATES[state];

const timeOf = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString());

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

const isOfId = (name: unknown): name is `id:${string}` => typeof name === "string" && name.startsWith("id:");

/** A UUID (version 8: made by our own rule) from who sent a key and the key. */
function idOfKey(who: string, key: string): string {
  const hex = sha256(`${who}\0${key}`);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** A job that lost its holder too often has words instead of a problem. */
function problemFrom(error: string): ProblemBody {
  try {
    return JSON.parse(error) as ProblemBody;
  } catch {
    return new Problem("unavailable", error).body;
  }
}
