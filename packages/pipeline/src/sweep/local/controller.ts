/** Runs a sweep on one machine: points become jobs, jobs become processes, and their results determine the next points. */
import { isGone } from "../../data/lock-owner.js";
import { explained, shortageError, type Shortage } from "../../engine/system-errors.js";
import type { Lease } from "../../queue/jobs.js";
import type { LeaseQueue } from "../../queue/lease-queue.js";
import { sliceDonors } from "../slice-stages.js";
import type { Sweep } from "../sweep.js";
import type { Trial, TrialReport } from "../trial.js";
import { readResult } from "../trial-result.js";
import type { GpuPool } from "./gpus.js";
import { JobPool } from "./job-pool.js";
import type { Resources } from "./resources.js";
import { addTrials, sliceJob, trialState, type JobOptions, type TrialPayload } from "./trial-jobs.js";
import { TrialWork, type TrialSummary } from "./trial-work.js";

export interface SweepEvent {
  kind: "started" | "finished" | "pruned" | "failed" | "again" | "cancelled" | "paused";
  trial: Trial;
  /** Whether this is a slice stage that the trial trains for others. */
  isSlice: boolean;
  /** Why it failed or is retried. */
  reason: string | null;
  summary: TrialSummary | null;
}

export interface ControllerOptions {
  sweep: Sweep;
  queue: LeaseQueue;
  gpus: GpuPool;
  resources: Resources;
  jobs: JobOptions;
  /** Program and first arguments that start the command line of Slicestack. */
  program: readonly string[];
  onEvent?: (event: SweepEvent) => void;
  /** Called after each round, for example to refresh a view from the queue. */
  onRound?: () => void;
  signal?: AbortSignal;
}

/** Name of the queue's setting for a sweep that was cancelled as a whole and proposes no more points. */
export const CLOSED = "closed";

/** Milliseconds between two evaluations of the curves of running trials. */
const BETWEEN_PRUNINGS = 2000;
const ROUND = 500;

export class Controller {
  private readonly pool: JobPool;
  private readonly work: TrialWork;
  private readonly pruned = new Set<string>();
  private readonly ended = new Map<string, TrialReport>();
  private readonly trials = new Map<string, Trial>();
  /** The number of points whose trials are in the queue. */
  private added = -1;
  private lastPruning = 0;
  private isClosed = false;
  private isExhausted = false;

  constructor(private readonly options: ControllerOptions) {
    const { sweep, queue, resources, program } = options;
    this.work = new TrialWork({
      sweep,
      program,
      trialOf: (id) => this.trials.get(id)!,
      isPruned: (id) => this.pruned.has(id),
      hasExpired: (key) =>
        queue.attempts(key).some(({ outcome, owner }) => outcome === "lost" && !isGone(owner)),
    });
    const { work } = this;
    this.pool = new JobPool({
      queue,
      resources,
      work: {
        command: (lease, booking) => work.command(lease, booking),
        judge: (lease, exit, wish) => work.judge(lease, exit, wish),
        get isHalted() {
          return work.isHalted;
        },
        onStart: (lease) => this.tell(lease, "started", null),
        onEnd: (lease, verdict, state) =>
          this.ending(lease, verdict?.is === "failed" ? verdict.error : null, state),
      },
    });
  }

  /**
   * Runs until all trials have ended or the signal aborts it.
   * @returns "stopped" if calling it again would continue
   * @throws QueueError, SystemError (also where the disk of a trial took no more), after asking running trials to save
   * their state
   */
  async run(): Promise<"finished" | "paused" | "stopped"> {
    const { queue, gpus, signal } = this.options;
    const abandon = () => this.pool.abandon();
    process.once("exit", abandon);
    try {
      this.addNew();
      this.pool.adopt();
      this.giveUpFailed();
      for (;;) {
        if (signal?.aborted === true) break;
        if ((this.options.jobs.needs["gpus"] ?? 0) > 0) await gpus.refresh();
        this.feed();
        this.prune();
        const isBusy = this.pool.round();
        this.options.onRound?.();
        if (this.work.shortage !== null) await this.endFor(this.work.shortage);
        const { queued, leased, paused } = queue.counts();
        if (queued + leased === 0 && (this.isClosed || this.isExhausted) && !isBusy)
          return paused > 0 ? "paused" : "finished";
        if (!isBusy || this.pool.leases.length > 0) await this.pool.wait(ROUND, signal);
      }
      await this.pool.stop();
      return "stopped";
    } catch (error) {
      // The queue may be unusable, for example on a full disk. It has a record of the running trials, which save their state.
      abandon();
      throw error;
    } finally {
      process.off("exit", abandon);
    }
  }

  /** All other trials would fail in the same way: they save and wait for more space. @throws SystemError always */
  private async endFor(shortage: Shortage): Promise<never> {
    await this.pool.stop();
    throw explained(shortageError(shortage));
  }

  /** Turns points that were added, or that the search proposes now, into jobs. */
  private feed(): void {
    const { sweep, queue, jobs, resources } = this.options;
    sweep.refresh();
    this.addNew();
    this.isClosed = queue.setting(CLOSED) === "true";
    if (queue.isPaused || this.isClosed || this.isExhausted) return;
    const { search, budget } = sweep.spec;
    // Points that do not depend on results are listed at once; the others one by one, as late as possible.
    const isAdaptive = search === "tpe" || budget.epochs !== undefined;
    if (isAdaptive && (queue.counts().queued > 0 || !resources.fits(jobs.needs))) return;
    const points = sweep.propose(isAdaptive ? this.history() : [], isAdaptive ? 1 : Infinity);
    this.addNew();
    this.isExhausted = points.length === 0 || !isAdaptive;
  }

  private addNew(): void {
    const { sweep, queue, jobs } = this.options;
    if (sweep.points.length === this.added) return;
    const { trials } = sweep;
    for (const trial of trials) this.trials.set(trial.id, trial);
    addTrials(queue, trials, jobs);
    this.added = sweep.points.length;
  }

  /** All trials in the form used by the search. Curves are read only if there is a pruner. */
  history(): TrialReport[] {
    const { sweep, queue } = this.options;
    const states = new Map(queue.list().map((job) => [job.key, job]));
    const withCurves = sweep.spec.asha !== null;
    return sweep.trials.map((trial): TrialReport => {
      const known = this.ended.get(trial.id);
      if (known !== undefined) return known;
      const job = states.get(trial.id);
      const isRunning = job?.state === "leased" || states.get(sliceJob(trial.id))?.state === "leased";
      const state = isRunning ? "running" : trialState(job?.state ?? "queued");
      const summary = job?.state === "done" ? (job.result as TrialSummary | null) : null;
      const isOver = ["finished", "failed", "cancelled"].includes(state);
      if (withCurves && (isRunning || isOver)) {
        const report = sweep.reportOf(trial, state);
        if (isOver) this.ended.set(trial.id, report);
        return report;
      }
      const { status = state, objective = null, epochs = 0 } = summary ?? {};
      const report = {
        trial,
        state: status,
        objective: status === "finished" ? (objective ?? NaN) : null,
        curve: [],
        epochs,
      };
      if (isOver) this.ended.set(trial.id, report);
      return report;
    });
  }

  private prune(): void {
    const { sweep, queue, jobs } = this.options;
    if (sweep.spec.asha === null || Date.now() - this.lastPruning < BETWEEN_PRUNINGS) return;
    this.lastPruning = Date.now();
    const history = this.history();
    const numbers = new Set(sweep.prune(history));
    const trials = history.map(({ trial }) => trial).filter(({ point }) => numbers.has(point.number));
    for (const { id } of trials) this.pruned.add(id);
    for (const trial of trials) {
      const job = queue.find(trial.id);
      if (job?.state === "leased") this.pool.end(trial.id, "cancel");
      if (job?.state !== "queued" && job?.state !== "paused") continue;
      queue.finish([trial.id], this.work.record(job, "pruned"));
      this.emit("pruned", trial, job.payload as TrialPayload, null, job.result as TrialSummary | null);
    }
    // A slice stage continues as long as one of the trials that share it does.
    if (numbers.size === 0 || !jobs.shares) return;
    const open = new Set<string>();
    for (const [id, donor] of sliceDonors(sweep.trials, jobs.method))
      if (!this.pruned.has(id)) open.add(donor);
    const idle = trials.map(({ id }) => sliceJob(id)).filter((_, k) => !open.has(trials[k]!.id));
    queue.cancel(idle);
  }

  /** Writes missing results, in case a process was killed between the last failure of a trial and its result.json. */
  private giveUpFailed(): void {
    const { sweep, queue } = this.options;
    for (const job of queue.list({ states: ["failed"], kind: "trial" })) {
      if (readResult(sweep.paths.trial(job.key).result) !== null) continue;
      this.work.record(job, "failed", job.error ?? "unknown");
    }
  }

  private ending(lease: Lease, error: string | null, state: string): void {
    const { stage } = lease.payload as TrialPayload;
    if (state === "failed" && stage === "all") this.work.record(lease, "failed", error ?? "unknown");
    const summary =
      state === "done" ? (this.options.queue.find(lease.key)?.result as TrialSummary | null) : null;
    const kinds = { queued: "again", paused: "paused", cancelled: "cancelled", failed: "failed" } as const;
    const kind =
      summary?.status ?? (Object.hasOwn(kinds, state) ? kinds[state as keyof typeof kinds] : "finished");
    this.tell(lease, kind, error ?? (state === "queued" ? this.reasonOf(lease) : null), summary);
  }

  private reasonOf({ key }: Lease): string | null {
    return this.options.queue.attempts(key).at(-1)?.detail ?? null;
  }

  private tell(
    lease: Lease,
    kind: SweepEvent["kind"],
    reason: string | null,
    summary: TrialSummary | null = null,
  ): void {
    const payload = lease.payload as TrialPayload;
    const trial = this.trials.get(payload.trial);
    if (trial !== undefined) this.emit(kind, trial, payload, reason, summary);
  }

  private emit(
    kind: SweepEvent["kind"],
    trial: Trial,
    { stage }: TrialPayload,
    reason: string | null,
    summary: TrialSummary | null,
  ): void {
    this.options.onEvent?.({ kind, trial, isSlice: stage === "slice", reason, summary });
  }
}
