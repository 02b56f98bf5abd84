/**
 * A durable queue of jobs that are leased: many processes of one machine add to it and take from it at once, none gets a job
 * that another one holds, and the jobs of a process that was killed come back. Knows nothing of what the jobs are.
 */
import { randomBytes } from "node:crypto";
import { isGone, isVisible, thisProcess, type Owner } from "../data/lock-owner.js";
import { addJobs } from "./adding.js";
import { hasReady, nextReady } from "./choosing.js";
import { askAll, cancelJobs, finishJobs, pauseJobs, prioritiseJobs, resumeJobs, retryJobs } from "./control.js";
import { QueueDatabase, type DatabaseOptions } from "./database.js";
import { endJob } from "./ending.js";
import { LeaseLostError } from "./errors.js";
import type { Asked, Attempt, Counts, Job, JobState, Lease, Needs, NewJob } from "./jobs.js";
import { attemptsOf, countJobs, findJob, leaseOf, listJobs, type ListOptions } from "./listing.js";

export interface QueueOptions extends DatabaseOptions {
  /** Waiting jobs beyond which add refuses; default no limit. */
  maxWaiting?: number;
  /** Milliseconds that a lease lasts without a heartbeat; default 60 000. */
  leaseFor?: number;
  /** Milliseconds before the first retry; each further one waits twice as long, at most an hour. Default 1000. */
  backOff?: number;
  /** Times that a job may lose its holder, as where it takes the machine down with it; default 100. */
  maxLosses?: number;
  /** Milliseconds since 1970; a test has its own. */
  now?: () => number;
}

export interface LeaseOptions {
  /** Default 1. */
  most?: number;
  /** Default all. */
  kinds?: readonly string[];
  /** Whether these resources are free now; asked once for each kind of need. A job that was chosen counts by `taken`. */
  fits?: (needs: Needs, kind: string) => boolean;
  taken?: (lease: Lease) => void;
  /** Who is to hold it; default this process. */
  owner?: Owner;
}

export interface Heartbeat {
  /** Those that have ended: their work must stop, and nothing of it is recorded. */
  lost: string[];
  /** Those whose holder is asked to end its work. */
  asked: Map<string, Asked>;
}

const MOST_BACK_OFF = 3_600_000;

export class LeaseQueue implements Disposable {
  private readonly leaseFor: number;
  private readonly backOff: number;
  private readonly maxLosses: number;
  private readonly maxWaiting: number;
  private readonly now: () => number;
  private readonly self = thisProcess();

  private constructor(
    private readonly database: QueueDatabase,
    options: QueueOptions,
  ) {
    this.leaseFor = options.leaseFor ?? 60_000;
    this.backOff = options.backOff ?? 1000;
    this.maxLosses = options.maxLosses ?? 100;
    this.maxWaiting = options.maxWaiting ?? Infinity;
    this.now = options.now ?? Date.now;
  }

  /**
   * Opens the file, or makes it.
   * @throws QueueError where it is damaged, of another program, or on a network file system   @throws SystemError
   */
  static open(file: string, options: QueueOptions = {}): LeaseQueue {
    return new LeaseQueue(QueueDatabase.open(file, options), options);
  }

  get file(): string {
    return this.database.file;
  }

  /** All of the body's changes or none of them, in one commit. @throws QueueError, SystemError; what the body throws */
  together<R>(body: () => R): R {
    return this.database.write(body);
  }

  /**
   * Adds all of them, or none. A job whose key is there is passed over, so that adding can be repeated after a kill.
   * @returns how many are new   @throws QueueFullError, QueueError (a blocker is missing), SystemError
   */
  add(jobs: readonly NewJob[]): number {
    return this.database.write(() => addJobs(this.database, jobs, { now: this.now(), maxWaiting: this.maxWaiting }));
  }

  /** Takes the most urgent jobs that are ready and fit; none while the queue is paused. @throws QueueError, SystemError */
  lease(options: LeaseOptions = {}): Lease[] {
    const { most = 1, kinds = null, fits = () => true, taken, owner = this.self } = options;
    const holder = JSON.stringify(owner);
    // Nobody should wait for the right to write where there is nothing to take.
    if (this.isPaused || !this.database.read(() => hasReady(this.database, this.now()))) return [];
    return this.database.write(() => {
      const leases: Lease[] = [];
      while (leases.length < most && !this.isPaused) {
        const id = nextReady(this.database, { kinds, fits, now: this.now() });
        if (id === null) break;
        const lease = this.hold(id, holder);
        leases.push(lease);
        taken?.(lease);
      }
      return leases;
    });
  }

  private hold(id: number, owner: string): Lease {
    const token = randomBytes(12).toString("hex");
    const now = this.now();
    this.database
      .statement("UPDATE jobs SET state = 'leased', token = ?, owner = ?, until = ?, asked = NULL WHERE id = ?")
      .run(token, owner, now + this.leaseFor, id);
    this.database
      .statement("INSERT INTO attempts (job, token, owner, started) VALUES (?, ?, ?, ?)")
      .run(id, token, owner, now);
    return leaseOf(this.database, token)!;
  }

  /**
   * Prolongs the leases, and says which of them have ended or are to end. To be called several times in the time of a lease.
   * @throws QueueError, SystemError
   */
  heartbeat(tokens: readonly string[]): Heartbeat {
    const prolong = this.database.statement("UPDATE jobs SET until = ? WHERE token = ?");
    const asked = this.database.statement("SELECT asked FROM jobs WHERE token = ? AND asked IS NOT NULL");
    return this.database.write(() => {
      const until = this.now() + this.leaseFor;
      const lost = tokens.filter((token) => prolong.run(until, token).changes === 0);
      const wishes = tokens.flatMap((token) => {
        const row = asked.get(token) as { asked: Asked } | undefined;
        return row === undefined ? [] : [[token, row.asked] as const];
      });
      return { lost, asked: new Map(wishes) };
    });
  }

  /** Names another process as the holder: the one that was started for the job. @throws LeaseLostError */
  handOver(token: string, owner: Owner): void {
    const text = JSON.stringify(owner);
    this.database.write(() => {
      this.held(token);
      this.database.statement("UPDATE jobs SET owner = ? WHERE token = ?").run(text, token);
      this.database.statement("UPDATE attempts SET owner = ? WHERE token = ?").run(text, token);
    });
  }

  /** Replaces the payload, as where a retry is to do it otherwise. @throws LeaseLostError */
  amend(token: string, payload: unknown): void {
    this.database.write(() => {
      this.held(token);
      this.database.statement("UPDATE jobs SET payload = ? WHERE token = ?").run(JSON.stringify(payload), token);
    });
  }

  /** @throws LeaseLostError, QueueError, SystemError */
  complete(token: string, result: unknown = null): void {
    this.end(token, "done", { outcome: "done", result });
  }

  /**
   * Records a failed attempt. The job waits and is tried again until its attempts are used up; then it stays failed.
   * @param isFinal it would fail again in the same way
   * @returns the job's state now   @throws LeaseLostError, QueueError, SystemError
   */
  fail(token: string, error: string, { isFinal = false }: { isFinal?: boolean } = {}): JobState {
    return this.database.write(() => {
      const { id, failures, attempts } = this.held(token);
      this.database.statement("UPDATE jobs SET failures = failures + 1, error = ? WHERE id = ?").run(error, id);
      if (isFinal || failures + 1 >= attempts) {
        this.end(token, "failed", { outcome: "failed", error });
        return "failed";
      }
      const delay = Math.min(MOST_BACK_OFF, this.backOff * 2 ** failures);
      return this.giveBack(token, { outcome: "failed", detail: error, ready: this.now() + delay });
    });
  }

  /** Gives the job back unfinished: it waits again, or does what was asked of its holder. @throws LeaseLostError */
  release(token: string, detail: string | null = null): JobState {
    return this.database.write(() => this.giveBack(token, { outcome: "released", detail, ready: this.now() }));
  }

  /** Ends a job that is held as cancelled. @throws LeaseLostError */
  abandon(token: string, why: string): void {
    this.end(token, "cancelled", { outcome: "cancelled", error: why });
  }

  private end(
    token: string,
    state: "done" | "failed" | "cancelled",
    { outcome, result = null, error = null }: { outcome: string; result?: unknown; error?: string | null },
  ): void {
    this.database.write(() => {
      const { id } = this.held(token);
      this.closeAttempt(token, outcome, error);
      endJob(this.database, id, { state, result, error, now: this.now() });
    });
  }

  private giveBack(
    token: string,
    { outcome, detail, ready }: { outcome: string; detail: string | null; ready: number },
  ): JobState {
    const { id, asked } = this.held(token);
    this.closeAttempt(token, outcome, detail);
    if (asked === "cancel") {
      endJob(this.database, id, { state: "cancelled", result: null, error: "cancelled", now: this.now() });
      return "cancelled";
    }
    const state = asked === "pause" ? "paused" : "queued";
    const sql =
      "UPDATE jobs SET state = ?, ready = ?, token = NULL, owner = NULL, until = NULL, asked = NULL WHERE id = ?";
    this.database.statement(sql).run(state, ready, id);
    return state;
  }

  private closeAttempt(token: string, outcome: string, detail: string | null): void {
    this.database
      .statement("UPDATE attempts SET ended = ?, outcome = ?, detail = ? WHERE token = ?")
      .run(this.now(), outcome, detail, token);
  }

  private held(token: string): { id: number; failures: number; attempts: number; asked: Asked | null } {
    const sql = "SELECT id, failures, attempts, asked FROM jobs WHERE token = ? AND state = 'leased'";
    const row = this.database.statement(sql).get(token);
    if (row !== undefined) return row as ReturnType<LeaseQueue["held"]>;
    const attempt = this.database
      .statement("SELECT key FROM jobs JOIN attempts ON attempts.job = jobs.id WHERE attempts.token = ?")
      .get(token) as { key: string } | undefined;
    throw new LeaseLostError(this.file, attempt?.key ?? "of that token");
  }

  /**
   * Takes back jobs whose holder is gone for certain, and those of holders that cannot be seen from here whose lease has run
   * out. A holder of this machine that lives keeps its job however late its heartbeat is: nothing runs twice at once.
   * @param known tokens of leases whose processes the caller watches itself
   * @returns the jobs, as they were   @throws QueueError, SystemError
   */
  reclaim(known: ReadonlySet<string> = new Set()): Job[] {
    const leased = this.list({ states: ["leased"] });
    const dead = leased.filter((job) => !known.has(job.token ?? "") && this.isLost(job));
    if (dead.length === 0) return [];
    return this.database.write(() =>
      dead.filter(({ token }) => {
        // Another process may have been quicker.
        const row = this.database.statement("SELECT id, losses FROM jobs WHERE token = ?").get(token) as
          { id: number; losses: number } | undefined;
        if (row === undefined || token === null) return false;
        const error = "its process went away without a word";
        this.database.statement("UPDATE jobs SET losses = losses + 1 WHERE id = ?").run(row.id);
        if (row.losses + 1 >= this.maxLosses) this.end(token, "failed", { outcome: "lost", error });
        else this.giveBack(token, { outcome: "lost", detail: error, ready: this.now() });
        return true;
      }),
    );
  }

  private isLost({ owner, token }: Job): boolean {
    if (owner === null || token === null) return true;
    if (isGone(owner)) return true;
    const row = this.database.statement("SELECT until FROM jobs WHERE token = ?").get(token) as
      { until: number } | undefined;
    return !isVisible(owner) && row !== undefined && row.until < this.now();
  }

  /**
   * Cancels jobs: those that wait at once, of the others the holder is asked to end them.
   * @param keys default all that have not ended   @returns how many   @throws QueueError, SystemError
   */
  cancel(keys?: readonly string[]): number {
    return this.database.write(() => cancelJobs(this.database, keys, this.now()));
  }

  /** Ends jobs that wait as done, where their result is known without a process. @returns how many */
  finish(keys: readonly string[], result: unknown = null): number {
    return this.database.write(() => finishJobs(this.database, keys, { result, now: this.now() }));
  }

  /** Sets jobs aside; the holders of those that run are asked to give them back. @returns how many */
  pause(keys: readonly string[]): number {
    return this.database.write(() => pauseJobs(this.database, keys));
  }

  /** Leases nothing from now on. @param running finish: holders go on; yield: they are asked to give their jobs back */
  pauseAll(running: "finish" | "yield" = "finish"): void {
    this.database.write(() => {
      this.set("paused", "true");
      if (running === "yield") askAll(this.database, "yield");
    });
  }

  /** Lets jobs that were set aside wait again; without keys all of them, and the queue goes on. @returns how many */
  resume(keys?: readonly string[]): number {
    return this.database.write(() => {
      if (keys === undefined) this.set("paused", "false");
      return resumeJobs(this.database, keys);
    });
  }

  /** Whether the whole queue is paused. */
  get isPaused(): boolean {
    return this.setting("paused") === "true";
  }

  /** Lets failed or cancelled jobs be tried again, with all their attempts. @returns how many */
  retry(keys?: readonly string[], states: readonly ("failed" | "cancelled" | "done")[] = ["failed"]): number {
    return this.database.write(() => retryJobs(this.database, keys, { states, now: this.now() }));
  }

  /** Of jobs that have not ended. @returns how many have it now */
  prioritise(keys: readonly string[], priority: number): number {
    return this.database.write(() => prioritiseJobs(this.database, keys, priority));
  }

  /** A text that the queue keeps under a name; null where there is none. */
  setting(name: string): string | null {
    const row = this.database.read(() =>
      this.database.statement("SELECT value FROM settings WHERE name = ?").get(name),
    );
    return row === undefined ? null : (row as { value: string }).value;
  }

  set(name: string, value: string): void {
    const sql = "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    this.database.write(() => this.database.statement(sql).run(name, value));
  }

  /** @returns null where there is none */
  find(key: string): Job | null {
    return this.database.read(() => findJob(this.database, key));
  }

  /** In the order in which they were added. */
  list(options: ListOptions = {}): Job[] {
    return this.database.read(() => listJobs(this.database, options));
  }

  counts(): Counts {
    return this.database.read(() => countJobs(this.database));
  }

  /** When the next retry is due, in milliseconds since 1970; null where no job waits for its time. */
  nextRetry(): number | null {
    const sql = "SELECT min(ready) AS ready FROM jobs WHERE state = 'queued' AND blockers = 0 AND ready > ?";
    const row = this.database.read(() => this.database.statement(sql).get(this.now())) as { ready: number | null };
    return row.ready;
  }

  /** All attempts of a job, the oldest first. @throws QueueError where there is no such job */
  attempts(key: string): Attempt[] {
    return this.database.read(() => attemptsOf(this.database, key));
  }

  [Symbol.dispose](): void {
    this.database[Symbol.dispose]();
  }
}
