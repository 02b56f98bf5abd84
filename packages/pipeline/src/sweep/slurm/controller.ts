/** Runs a sweep to its end on a cluster. Its folder and the state of Slurm determine what is submitted next. */
import { rmSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { explained, shortageError } from "../../engine/system-errors.js";
import type { Slurm } from "../../slurm/client.js";
import { SlurmFullError } from "../../slurm/client.js";
import { sliceDonors } from "../slice-stages.js";
import type { Sweep } from "../sweep.js";
import { errorOf, readFailure, shortageIn } from "../trial-failure.js";
import { readResult, writeResult, type TrialResult } from "../trial-result.js";
import type { Trial, TrialReport, TrialState } from "../trial.js";
import { arraysOf, throttled, type PlannedArray, type PlannedTask, type ThrottledArray } from "./arrays.js";
import { attemptKey, Attempts, STAGES, type Attempt, type Stage } from "./attempts.js";
import { cancelledTrials, cancelMark, isCancelled, isPaused, pauseMark, slurmFolder } from "./marks.js";
import type { SlurmOptions } from "./slurm-section.js";
import { Judgement, MOST_RESTARTS } from "./judgement.js";
import type { Verdict } from "./verdict.js";

export interface SlurmSweepEvent {
  kind: "finished" | "failed" | "pruned" | "cancelled" | "again";
  trial: Trial;
  stage: Stage;
  reason: string | null;
  result: TrialResult | null;
}

export interface SlurmSweepCounts {
  trials: number;
  finished: number;
  failed: number;
  pruned: number;
  cancelled: number;
  /** The array elements of the remaining trials that are running, and that are waiting. */
  running: number;
  waiting: number;
}

export interface SlurmControllerOptions {
  sweep: Sweep;
  slurm: Slurm;
  options: SlurmOptions;
  /** Program and first arguments that start the command line of Slicestack. */
  program: readonly string[];
  onEvent?: (event: SlurmSweepEvent) => void;
  onLog?: (line: string) => void;
  onRound?: (counts: SlurmSweepCounts) => void;
  /** On abort, only this process ends; the jobs remain with Slurm. */
  signal?: AbortSignal;
}

/** A trial is given up after the cluster has ended it this often without a result. */
const MOST_LOSSES = 20;
/** How many trials run at the same time without a throttle, if the proposals of the search depend on results. */
const AT_A_TIME = 8;

function dependencyOn({ folder, element }: NonNullable<PlannedArray["after"]>): string {
  const job = folder.read()?.job;
  return element === null ? `aftercorr:${job}` : `afterok:${job}_${element}`;
}

export class SlurmController {
  private readonly attempts: Attempts;
  private readonly judgement: Judgement;
  private readonly results = new Map<string, TrialResult>();
  private readonly cancelled = new Set<string>();
  /** Attempts whose end has been reported. */
  private readonly told = new Set<Attempt>();
  private donors = new Map<string, string>();
  private trials: Trial[] = [];
  private isExhausted = false;
  private maxArraySize = 1001;
  /** The most elements of an array: fewer than Slurm allows as long as its queue has no room for them. */
  private room = Infinity;
  /** The number of elements of the last array that was sent to Slurm. */
  private sent = 0;
  private lastFull = "";

  constructor(private readonly given: SlurmControllerOptions) {
    this.attempts = new Attempts(slurmFolder(given.sweep.folder));
    this.judgement = new Judgement(this.attempts, given.sweep, (trial) => this.lookFor(trial) !== null);
  }

  /**
   * Runs until all trials have ended.
   * @throws SlurmError, SystemError (the disk of a trial took no more); calling it again continues the sweep
   */
  async run(): Promise<"finished" | "detached" | "cancelled"> {
    const { slurm, signal, onRound } = this.given;
    this.maxArraySize = Number((await slurm.setting("MaxArraySize")) ?? this.maxArraySize);
    await this.settleEarlier();
    for (;;) {
      if (this.isCancelled) return "cancelled";
      await this.attempts.refresh(slurm);
      this.endCancelled();
      this.judge();
      this.feed();
      this.prune();
      await this.cancelIdle();
      if (!isPaused(this.given.sweep.folder)) await this.submit();
      onRound?.(this.counts());
      if (this.openTrials().length === 0 && this.isExhausted) return "finished";
      if (signal?.aborted === true) return "detached";
      await this.betweenPolls();
    }
  }

  private async betweenPolls(): Promise<void> {
    const { options, signal } = this.given;
    await pause(options.poll * 1000, undefined, { signal }).catch(() => undefined);
  }

  private get isCancelled(): boolean {
    return isCancelled(this.given.sweep.folder);
  }

  /** Handles attempts that ended before this call: failures count, cancelled attempts are ignored. */
  private async settleEarlier(): Promise<void> {
    this.refreshTrials();
    await this.attempts.refresh(this.given.slurm);
    // What has just ended may not have its outcome here yet.
    while (this.attempts.hasMissed && this.given.signal?.aborted !== true && !this.isCancelled) {
      await this.betweenPolls();
      await this.attempts.refresh(this.given.slurm);
    }
    for (const { id } of this.trials)
      for (const stage of STAGES)
        for (const attempt of this.attempts.of(id, stage))
          if (this.judgement.verdict(attempt).is === "cancelled") this.told.add(attempt);
  }

  private refreshTrials(): void {
    const { sweep } = this.given;
    sweep.refresh();
    if (sweep.trials.length === this.trials.length) return;
    this.trials = sweep.trials;
    this.donors = sliceDonors(this.trials, sweep.base.configOf({}).method);
    for (const { id } of this.trials) this.lookFor(id);
  }

  private lookFor(id: string): TrialResult | null {
    const known = this.results.get(id) ?? readResult(this.given.sweep.paths.trial(id).result);
    if (known !== null) this.results.set(id, known);
    return known;
  }

  private openTrials(): Trial[] {
    return this.trials.filter(({ id }) => !this.results.has(id) && !this.cancelled.has(id));
  }

  /** The verdict on the last attempt; an attempt that was cancelled before this call does not count. */
  private lastVerdict(trial: string, stage: Stage): Verdict | null {
    const attempt = this.attempts.last(trial, stage);
    if (attempt === undefined) return null;
    const verdict = this.judgement.verdict(attempt);
    return verdict.is === "cancelled" && this.told.has(attempt) ? null : verdict;
  }

  /** Trials that were cancelled by their numbers are neither judged nor submitted any more. */
  private endCancelled(): void {
    const ids = new Set(cancelledTrials(this.given.sweep.folder));
    for (const trial of this.openTrials().filter(({ id }) => ids.has(id))) {
      this.cancelled.add(trial.id);
      this.emit("cancelled", trial, "train", null);
    }
  }

  /** Judges every attempt that has ended since the last call, and gives up trials that have failed too often. */
  private judge(): void {
    for (const trial of this.openTrials())
      for (const stage of STAGES) {
        const attempt = this.attempts.last(trial.id, stage);
        if (attempt === undefined || attempt.state.is === "active" || this.told.has(attempt)) continue;
        this.told.add(attempt);
        this.judgeOne(trial, stage, attempt);
      }
    for (const trial of this.openTrials()) {
      const donor = this.donors.get(trial.id);
      if (donor === undefined || donor === trial.id || !this.hasNoSlices(donor)) continue;
      this.giveUp(trial, "slice", `the slice stage that it shares with trial ${donor} failed`);
    }
  }

  /** Whether the slice stage of a trial is not trained, and never will be. */
  private hasNoSlices(donor: string): boolean {
    const last = this.lastVerdict(donor, "slice");
    const hasFailed = last?.is === "failed" && this.results.get(donor)?.status === "failed";
    const isUsedUp =
      last?.is === "failed" && this.judgement.failures(donor, "slice") >= this.given.options.attempts;
    return !this.judgement.isDone(donor, "slice") && (hasFailed || isUsedUp);
  }

  private judgeOne(trial: Trial, stage: Stage, attempt: Attempt): void {
    const verdict = this.judgement.verdict(attempt);
    if (stage === "score" && verdict.is === "done")
      this.emit("finished", trial, stage, null, this.lookFor(trial.id));
    if (verdict.is === "cancelled") {
      this.cancelled.add(trial.id);
      this.emit("cancelled", trial, stage, null);
    }
    if (verdict.is === "again") this.judgeLoss(trial, stage, verdict.reason);
    if (verdict.is === "failed") this.judgeFailure(trial, stage, verdict.reason, verdict.isFinal);
  }

  private judgeLoss(trial: Trial, stage: Stage, reason: string): void {
    const losses = this.attempts
      .of(trial.id, stage)
      .filter((one) => this.judgement.verdict(one).is === "again").length;
    if (losses >= MOST_LOSSES) this.giveUp(trial, stage, `${reason}, ${losses} times`);
    else if (reason !== "") this.emit("again", trial, stage, reason);
  }

  private judgeFailure(trial: Trial, stage: Stage, how: string, isFinal: boolean): void {
    const { sweep, options } = this.given;
    const { folder } = sweep.paths.trial(trial.id);
    const failure = readFailure(folder);
    // All other trials would fail in the same way; the next call does not count an attempt whose record says so.
    const shortage = failure === null ? shortageIn(folder) : (failure.shortage ?? null);
    if (shortage !== null) throw explained(shortageError({ ...shortage, path: shortage.path ?? folder }));
    const reason = failure?.message ?? how;
    const isUsedUp = isFinal || this.judgement.failures(trial.id, stage) >= options.attempts;
    if (isUsedUp && !this.judgement.canShrink(trial.id, stage)) this.giveUp(trial, stage, reason);
    else this.emit("again", trial, stage, reason);
  }

  private giveUp(trial: Trial, stage: Stage, reason: string): void {
    this.end(trial, "failed", { name: "Error", message: reason, outOfMemory: false });
    this.emit("failed", trial, stage, reason, this.results.get(trial.id) ?? null);
  }

  /** Writes result.json for a trial that ends without an objective. */
  private end(trial: Trial, status: "failed" | "pruned", error?: NonNullable<TrialResult["error"]>): void {
    const { sweep } = this.given;
    const { epochs } = sweep.reportOf(trial, "running");
    const found =
      status === "failed" ? (readFailure(sweep.paths.trial(trial.id).folder) ?? error) : undefined;
    const why = found === undefined ? {} : { error: errorOf(found) };
    const result: TrialResult = {
      version: 1,
      status,
      objective: null,
      metrics: {},
      epochs,
      seconds: 0,
      ...why,
    };
    sweep.prepareTrial(trial);
    writeResult(sweep.paths.trial(trial.id).result, result);
    this.results.set(trial.id, result);
  }

  /** Takes up points that were added, and those that the search proposes now. */
  private feed(): void {
    const { sweep, options } = this.given;
    this.refreshTrials();
    if (this.isExhausted) return;
    const isAdaptive = sweep.spec.search === "tpe" || sweep.spec.budget.epochs !== undefined;
    const perPoint = sweep.record.seeds.length * sweep.record.folds.length;
    const free = Math.floor(((options.throttle ?? AT_A_TIME) - this.openTrials().length) / perPoint);
    const isIdle = this.openTrials().length === 0;
    if (isAdaptive && free < 1 && !isIdle) return;
    const points = sweep.propose(isAdaptive ? this.history() : [], isAdaptive ? Math.max(1, free) : Infinity);
    this.isExhausted = points.length === 0 || !isAdaptive;
    this.refreshTrials();
  }

  private history(): TrialReport[] {
    return this.trials.map((trial) => this.given.sweep.reportOf(trial, this.stateOf(trial.id)));
  }

  private stateOf(trial: string): TrialState {
    if (this.cancelled.has(trial)) return "cancelled";
    const known = this.results.get(trial);
    if (known !== undefined) return known.status;
    const isRunning = STAGES.some((stage) => {
      const state = this.attempts.last(trial, stage)?.state;
      return state?.is === "active" && state.phase === "running";
    });
    return isRunning || this.judgement.isDone(trial, "train") ? "running" : "waiting";
  }

  private prune(): void {
    const { sweep } = this.given;
    if (sweep.spec.asha === null) return;
    const numbers = new Set(sweep.prune(this.history()));
    const trials = this.openTrials().filter(({ point }) => numbers.has(point.number));
    for (const trial of trials) {
      this.end(trial, "pruned");
      this.emit("pruned", trial, "train", null, this.results.get(trial.id) ?? null);
    }
  }

  /** Cancels the jobs of trials that were pruned or given up, except slice stages, which other trials may share. */
  private async cancelIdle(): Promise<void> {
    const isOver = (trial: string) => ["failed", "pruned"].includes(this.results.get(trial)?.status ?? "");
    const idle = this.attempts
      .active()
      .filter((attempt) => attempt.stage !== "slice" && isOver(attempt.trial));
    const fresh = idle.filter(
      (one) => !this.told.has(one) && one.state.is === "active" && one.state.id !== null,
    );
    for (const attempt of fresh) this.told.add(attempt);
    const ids = fresh.flatMap(({ state }) => (state.is === "active" ? (state.id ?? []) : []));
    if (ids.length > 0) await this.given.slurm.cancel(ids);
  }

  /** Submits all unfinished work that is not in Slurm's queue, each stage after the one that it needs. */
  private async submit(): Promise<void> {
    for (let isFull = false; ; isFull = true) {
      try {
        for (const stage of STAGES) {
          await this.submitStage(stage);
          this.endCancelled(); // Their later stages would wait for jobs that are cancelled.
        }
        if (!isFull) this.room = this.room < this.maxArraySize ? 2 * this.room : Infinity;
        return;
      } catch (error) {
        if (!(error instanceof SlurmFullError)) throw error;
        if (this.lastFull !== error.message) this.given.onLog?.((this.lastFull = error.message));
        // Slurm refuses an array as a whole, also where a part of it would fit.
        this.room = Math.max(1, Math.floor(this.sent / 2));
        if (this.sent === 1) return;
      }
    }
  }

  private async submitStage(stage: Stage): Promise<void> {
    const { sweep, options } = this.given;
    const { throttle } = options;
    const wanted = stage === "slice" ? this.sliceTasks() : this.laterTasks(stage);
    // The throttle of an array does not know those that were submitted before it.
    const isLimited = throttle !== null && this.room < Infinity;
    const active = this.attempts.active().filter((attempt) => attempt.stage === stage).length;
    const tasks = isLimited ? wanted.slice(0, Math.max(0, throttle - active)) : wanted;
    const jobs: number[] = [];
    for (const planned of throttled(arraysOf(tasks, this.maxArraySize, this.room), throttle))
      if (!this.isCancelled && !isPaused(sweep.folder))
        jobs.push(await this.submitArray(stage, planned, jobs));
  }

  private needs(trial: string, stage: Stage): boolean {
    const verdict = this.lastVerdict(trial, stage);
    return verdict === null || verdict.is === "failed" || verdict.is === "again";
  }

  private sliceTasks(): PlannedTask[] {
    const donors = new Set(this.openTrials().flatMap(({ id }) => this.donors.get(id) ?? []));
    const without = [...donors].filter(
      (id) => !this.judgement.isDone(id, "slice") && !this.judgement.isDone(id, "train"),
    );
    const wanted = without.filter((id) => this.needs(id, "slice") && !this.hasNoSlices(id));
    return wanted.map((id) => this.task(id, "slice", null));
  }

  private laterTasks(stage: "train" | "score"): PlannedTask[] {
    return this.openTrials().flatMap(({ id }) => {
      if (this.judgement.isDone(id, stage) && stage === "train") return [];
      if (!this.needs(id, stage)) return [];
      const source = stage === "train" ? this.donors.get(id) : id;
      const before: Stage = stage === "train" ? "slice" : "train";
      if (source === undefined || this.judgement.isDone(source, before)) return [this.task(id, stage, null)];
      const parent = this.attempts.last(source, before);
      return parent?.state.is === "active" && parent.state.id !== null ? [this.task(id, stage, parent)] : [];
    });
  }

  private task(trial: string, stage: Stage, after: Attempt | null): PlannedTask {
    const { options } = this.given;
    const hasFailed =
      this.lastVerdict(trial, stage)?.is === "failed" && !this.judgement.canShrink(trial, stage);
    const delay = hasFailed ? options.retry_after * 2 ** (this.judgement.failures(trial, stage) - 1) : 0;
    return { trial, pieces: this.judgement.nextPieces(trial, stage), after, delay };
  }

  /** @param earlier jobs of the same stage that have just been submitted */
  private async submitArray(
    stage: Stage,
    planned: ThrottledArray,
    earlier: readonly number[],
  ): Promise<number> {
    const { sweep, slurm, options, onLog } = this.given;
    const { throttle, behind, array } = planned;
    const { tasks, elements, after, delay } = array;
    const byId = new Map(this.trials.map((trial) => [trial.id, trial]));
    for (const { trial } of tasks) sweep.prepareTrial(byId.get(trial)!);
    const members = tasks.map(({ trial, pieces, after: parent }) => ({
      trial,
      pieces,
      parent: parent === null ? null : attemptKey(parent),
    }));
    const folder = this.attempts.begin(stage, members);
    this.sent = tasks.length;
    const dependency = [
      ...(after === null ? [] : [dependencyOn(after)]),
      ...(behind === null ? [] : [`afterany:${earlier[behind]}`]),
    ];
    const submitting = {
      name: `slicestack-${stage}`,
      tasks: tasks.map((task, k) => ({ element: elements[k], command: this.command(task, stage) })),
      options: { ...options.sbatch, ...options[stage], ...(delay === 0 ? {} : { begin: `now+${delay}` }) },
      stopBefore: options.stop_before,
      throttle,
      cancelled: [cancelMark(sweep.folder)],
      held: [pauseMark(sweep.folder)],
      mostRestarts: MOST_RESTARTS,
      refuseFull: true,
      dependency: dependency.length === 0 ? undefined : dependency.join(","),
    };
    const job = await folder.submit(slurm, submitting).catch((error: unknown) => {
      rmSync(folder.path, { recursive: true }); // Slurm did not accept the job.
      throw error;
    });
    this.attempts.add(folder);
    // Who cancels or pauses may have looked into the queue before the job was there.
    const gone = new Set(stage === "slice" ? [] : cancelledTrials(sweep.folder));
    const late = tasks.flatMap(({ trial }, k) => (gone.has(trial) ? [`${job}_${elements[k]}`] : []));
    const isOver = this.isCancelled || late.length === tasks.length;
    if (isOver) await slurm.cancel([String(job)]);
    else if (late.length > 0) await slurm.cancel(late);
    if (!isOver && isPaused(sweep.folder)) await slurm.hold([String(job)]);
    onLog?.(`Submitted Slurm job ${job}: ${stage} of ${tasks.length} trial${tasks.length === 1 ? "" : "s"}`);
    return job;
  }

  private command({ trial, pieces }: PlannedTask, stage: Stage): string[] {
    const { program, sweep } = this.given;
    const donor = this.donors.get(trial);
    return [
      ...program,
      ...["sweep", "trial", sweep.paths.trial(trial).folder],
      ...(stage === "score" ? [] : ["--stage", stage]),
      ...(stage === "train" && donor !== undefined && donor !== trial ? ["--slice-from", donor] : []),
      ...(pieces === 1 ? [] : ["--pieces", String(pieces)]),
    ];
  }

  private emit(
    kind: SlurmSweepEvent["kind"],
    trial: Trial,
    stage: Stage,
    reason: string | null,
    result: TrialResult | null = null,
  ): void {
    this.given.onEvent?.({ kind, trial, stage, reason, result });
  }

  counts(): SlurmSweepCounts {
    const of = (status: TrialResult["status"]) =>
      [...this.results.values()].filter((one) => one.status === status);
    const left = this.attempts.active().filter(({ trial }) => !this.results.has(trial));
    const phases = left.map(({ state }) => (state.is === "active" ? state.phase : "ended"));
    return {
      trials: this.trials.length,
      finished: of("finished").length,
      failed: of("failed").length,
      pruned: of("pruned").length,
      cancelled: this.cancelled.size,
      running: phases.filter((phase) => phase === "running").length,
      waiting: phases.filter((phase) => phase === "waiting").length,
    };
  }
}
