/**
 * A durable queue of jobs that are leased. Many processes on one machine can add and take jobs concurrently. No two
 * hold the same job, and the jobs of a killed process return to the queue. The queue does not interpret the payload of
 * a job.
 */
import { randomBytes } from "node:crypto";
import { isGone, isVisible, thisProcess, type Owner } from "../data/lock-owner.js";
import { addJobs } from "./adding.js";
import { hasReady, nextReady } from "./choosing.js";
import {
  askAll,
  cancelJobs,
  finishJobs,
  forgetJobs,
  pauseJobs,
  prioritiseJobs,
  resumeJobs,
  retryJobs,
} from "./control.js";
import { QueueDatabase, type DatabaseOptions } from "./database.js";
import { endJob } from "./ending.js";
import { LeaseLostError } from "./errors.js";
import type { Asked, Attempt, Counts, Job, JobState, Lease, Needs, NewJob } from "./jobs.js";
import { attemptsOf, countJobs, findJob, leaseOf, listJobs, type ListOptions } from "./listing.js";

export interface QueueOptions extends DatabaseOptions {
  /** The most waiting jobs that `add` accepts; default no limit. */
  maxWaiting?: number;
  /** Milliseconds after which a lease without a heartbeat expires; default 60 000. */
  leaseFor?: number;
  /** Milliseconds before the first retry; the delay doubles with each further one, up to an hour. Default 1000. */
  backOff?: number;
  /** How often a job may lose its holder, for example because it crashes the machine; default 100. */
  maxLosses?: number;
  /** The clock, in milliseconds since 1970; default Date.now. */
  now?: () => number;
}

export interface LeaseOptions {
  /** The most jobs to lease. Default 1. */
  most?: number;
  /** Kinds of jobs to lease. Default all. */
  kinds?: readonly string[];
  /** Whether these resources are free now; called once for each kind of need. */
  fits?: (needs: Needs, kind: string) => boolean;
  /** Called for each leased job, so that the caller can count its resources. */
  taken?: (lease: Lease) => void;
  /** The holder of the leases; default this process. */
  owner?: Owner;
}

export interface Heartbeat {
  /** Tokens of leases that have ended: their work must stop, and its result will not be recorded. */
  lost: string[];
  /** What is asked of the holder, by token. */
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
   * Opens the file, creating it if needed.
   * @throws QueueError if it is damaged, of another program, or on a network file system   @throws SystemError
   */
  static open(file: string, options: QueueOptions = {}): LeaseQueue {
    return new LeaseQueue(QueueDatabase.open(file, options), options);
  }

  get file(): string {
    return this.database.file;
  }

  /** Commits all of the body's changes together, or none. @throws QueueError, SystemError; what the body throws */
  together<R>(body: () => R): R {
    return this.database.write(body);
  }

  /**
   * Adds all jobs, or none. A job whose key exists is skipped, so that adding can be repeated after a crash.
   * @returns how many are new   @throws QueueFullError, QueueError (a blocker is missing), SystemError
   */
  add(jobs: readonly NewJob[]): number {
    return this.database.write(() =>
      addJobs(this.database, jobs, { now: this.now(), maxWaiting: this.maxWaiting }),
    );
  }

  /**
   * Takes the most urgent jobs that are ready and fit; none while the queue is paused.
   * @throws QueueError, SystemError
   */
  lease(options: LeaseOptions = {}): Lease[] {
    const { most = 1, kinds = null, fits = () => true, taken, owner = this.self } = options;
    const holder = JSON.stringify(owner);
    // Do not wait for the write lock if there is nothing to lease.
    if (!this.isReady) return [];
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

  /** Whether any job could be leased now, regardless of the resources that it needs. */
  get isReady(): boolean {
    return !this.isPaused && this.database.read(() => hasReady(this.database, this.now()));
  }

  private hold(id: number, owner: string): Lease {
    const token = randomBytes(12).toString("hex");
    const now = this.now();
    this.database
      .statement(
        "UPDATE jobs SET state = 'leased', token = ?, owner = ?, until = ?, asked = NULL WHERE id = ?",
      )
      .run(token, owner, now + this.leaseFor, id);
    this.database
      .statement("INSERT INTO attempts (job, token, owner, started) VALUES (?, ?, ?, ?)")
      .run(id, token, owner, now);
    return leaseOf(this.database, token)!;
  }

  /**
   * Extends the leases, and returns those that have ended or must end. Call it several times within `leaseFor`.
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

  /** Makes another process the holder, such as one that was started for the job. @throws LeaseLostError */
  handOver(token: string, owner: Owner): void {
    const text = JSON.stringify(owner);
    this.database.write(() => {
      this.held(token);
      this.database.statement("UPDATE jobs SET owner = ? WHERE token = ?").run(text, token);
      this.database.statement("UPDATE attempts SET owner = ? WHERE token = ?").run(text, token);
    });
  }

  /** Replaces the payload, for example so that a retry runs differently. @throws LeaseLostError */
  amend(token: string, payload: unknown): void {
    this.database.write(() => {
      this.held(token);
      this.database
        .statement("UPDATE jobs SET payload = ? WHERE token = ?")
        .run(JSON.stringify(payload), token);
    });
  }

  /** @throws LeaseLostError, QueueError, SystemError */
  complete(token: string, result: unknown = null): void {
    this.end(token, "done", { outcome: "done", result });
  }

  /**
   * Records a failed attempt. The job is retried after a delay until its attempts are used up; then it remains failed.
   * @param isFinal whether to give up at once, because the job would fail again in the same way
   * @returns the new state of the job   @throws LeaseLostError, QueueError, SystemError
   */
  fail(token: string, error: string, { isFinal = false }: { isFinal?: boolean } = {}): JobState {
    return this.database.write(() => {
      const { id, failures, attempts } = this.held(token);
      this.database
        .statement("UPDATE jobs SET failures = failures + 1, error = ? WHERE id = ?")
        .run(error, id);
      if (isFinal || failures + 1 >= attempts) {
        this.end(token, "failed", { outcome: "failed", error });
        return "failed";
      }
      const delay = Math.min(MOST_BACK_OFF, this.backOff * 2 ** failures);
      return this.giveBack(token, { outcome: "failed", detail: error, ready: this.now() + delay });
    });
  }

  /** Gives the job back unfinished: it waits again, or is paused or cancelled as requested. @throws LeaseLostError */
  release(token: string, detail: string | null = null): JobState {
    return this.database.write(() =>
      this.giveBack(token, { outcome: "released", detail, ready: this.now() }),
    );
  }

  /** Ends a leased job as cancelled. @throws LeaseLostError */
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
    throw new LeaseLostError(this.file, attempt?.key ?? null);
  }

  /**
   * Reclaims jobs whose holder has certainly died, and jobs with an expired lease whose holder cannot be checked from
   * here. A live holder on this machine keeps its job, however late its heartbeat, so that nothing runs twice at the
   * same time.
   * @param known tokens of leases whose processes the caller watches itself
   * @returns the jobs, as they were before   @throws QueueError, SystemError
   */
  reclaim(known: ReadonlySet<string> = new Set()): Job[] {
    const leased = this.list({ states: ["leased"] });
    const dead = leased.filter((job) => !known.has(job.token ?? "") && this.isLost(job));
    if (dead.length === 0) return [];
    return this.database.write(() =>
      dead.filter(({ token }) => {
        // Another process may have reclaimed it first.
        const row = this.database.statement("SELECT id, losses FROM jobs WHERE token = ?").get(token) as
          { id: number; losses: number } | undefined;
        if (row === undefined || token === null) return false;
        const error = "its process disappeared without reporting a result";
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
   * Cancels waiting jobs immediately; asks the holders of running jobs to stop.
   * @param keys default all that have not ended   @returns how many   @throws QueueError, SystemError
   */
  cancel(keys?: readonly string[]): number {
    return this.database.write(() => cancelJobs(this.database, keys, this.now()));
  }

  /** Ends waiting jobs as done, if their result is known without running them. @returns how many */
  finish(keys: readonly string[], result: unknown = null): number {
    return this.database.write(() => finishJobs(this.database, keys, { result, now: this.now() }));
  }

  /** Pauses jobs; the holders of running ones are asked to give them back. @returns how many */
  pause(keys: readonly string[]): number {
    return this.database.write(() => pauseJobs(this.database, keys));
  }

  /** Stops leasing jobs. @param running finish: holders continue; yield: they are asked to give their jobs back */
  pauseAll(running: "finish" | "yield" = "finish"): void {
    this.database.write(() => {
      this.set("paused", "true");
      if (running === "yield") askAll(this.database, "yield");
    });
  }

  /** Returns paused jobs to the queue. Without keys: all of them, and the queue leases jobs again. @returns how many */
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

  /** Returns failed, cancelled or finished jobs to the queue with their full number of attempts. @returns how many */
  retry(keys?: readonly string[], states: readonly ("failed" | "cancelled" | "done")[] = ["failed"]): number {
    return this.database.write(() => retryJobs(this.database, keys, { states, now: this.now() }));
  }

  /** Changes the priority of jobs that have not ended. @returns how many */
  prioritise(keys: readonly string[], priority: number): number {
    return this.database.write(() => prioritiseJobs(this.database, keys, priority));
  }

  /** Deletes jobs that have ended, with their attempts; others, and those that a job waits for, stay. @returns how many */
  forget(keys: readonly string[]): number {
    return this.database.write(() => forgetJobs(this.database, keys));
  }

  /** A text stored in the queue under a name; null if there is none. */
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

  /** @returns null if there is no such job */
  find(key: string): Job | null {
    return this.database.read(() => findJob(this.database, key));
  }

  /** Jobs in the order in which they were added. */
  list(options: ListOptions = {}): Job[] {
    return this.database.read(() => listJobs(this.database, options));
  }

  counts(): Counts {
    return this.database.read(() => countJobs(this.database));
  }

  /** When the next retry is due, in milliseconds since 1970; null if no job waits for one. */
  nextRetry(): number | null {
    const sql = "SELECT min(ready) AS ready FROM jobs WHERE state = 'queued' AND blockers = 0 AND ready > ?";
    const row = this.database.read(() => this.database.statement(sql).get(this.now())) as {
      ready: number | null;
    };
    return row.ready;
  }

  /** All attempts of a job, oldest first. @throws QueueError if there is no such job */
  attempts(key: string): Attempt[] {
    return this.database.read(() => attemptsOf(this.database, key));
  }

  [Symbol.dispose](): void {
    this.database[Symbol.dispose]();
  }
}
