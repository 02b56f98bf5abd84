/** Starts the process of a trial, and determines what its end means. */
import { readFileSync } from "node:fs";
import type { Lease } from "../../queue/jobs.js";
import { appendText } from "../../data/atomic.js";
import { usableCores } from "../../engine/doctor/cpu.js";
import { systemProbe } from "../../engine/doctor/probe.js";
import { readText } from "@slicestack/torch/limits";
import type { Sweep } from "../sweep.js";
import type { Trial } from "../trial.js";
import type { Shortage } from "../../engine/system-errors.js";
import { clearFailure, errorOf, readFailure, shortageIn, type TrialFailure } from "../trial-failure.js";
import { readResult, writeResult, type TrialResult } from "../trial-result.js";
import type { Command, Exit } from "./gated-child.js";
import type { PoolWork, Verdict, Wish } from "./job-pool.js";
import type { Booking } from "./resources.js";
import type { TrialPayload } from "./trial-jobs.js";

/** Exit codes of the command line (docs/reference/cli.md). */
const USAGE = 2;
const STOPPED = 130;
/** If a batch does not fit even in 64 times as many pieces, the trial is given up. */
const MOST_PIECES = 64;

/** The result of a trial as stored in the queue, so that listings need not read all folders. */
export type TrialSummary = Pick<TrialResult, "status" | "objective" | "epochs" | "seconds">;

export interface TrialWorkOptions {
  sweep: Sweep;
  /** Program and first arguments that start the command line of Slicestack. */
  program: readonly string[];
  trialOf: (id: string) => Trial;
  /** Whether the point of the trial was given up. */
  isPruned: (trial: string) => boolean;
  /** Whether the lease of an earlier attempt ran out, of a process that cannot be seen from here. */
  hasExpired: (key: string) => boolean;
  /** How often the kernel has killed a process for lack of memory since the machine started; default: asks it. */
  countOomKills?: () => number;
  /** How many a trial would take. Default: with threads: auto, those that this process may use. */
  cores?: number;
}

export class TrialWork implements PoolWork {
  private readonly cores: number;
  private readonly countKills: () => number;
  /** Kills that were put down to a trial. */
  private oomKills: number;
  /** By the token of a lease: kills before its process began were those of others. */
  private readonly killsAtStart = new Map<string, number>();
  private found: Shortage | null = null;

  constructor(private readonly options: TrialWorkOptions) {
    this.countKills = options.countOomKills ?? countOomKills;
    this.oomKills = this.countKills();
    const takesAll = options.sweep.base.configOf({}).threads === "auto";
    this.cores = options.cores ?? (takesAll ? usableCores(systemProbe()).usable : 0);
  }

  /** What made a trial fail that would make every other one fail, too: the disk takes no more. */
  get shortage(): Shortage | null {
    return this.found;
  }

  get isHalted(): boolean {
    return this.found !== null;
  }

  private pathsOf({ payload }: Pick<Lease, "payload">) {
    return this.options.sweep.paths.trial((payload as TrialPayload).trial);
  }

  command(lease: Lease, { gpus, needs }: Booking): Command | { result: unknown } {
    const { trial, stage, sliceFrom, pieces } = lease.payload as TrialPayload;
    const paths = this.pathsOf(lease);
    const before = readResult(paths.result);
    if (before !== null) return { result: summaryOf(before) };
    this.options.sweep.prepareTrial(this.options.trialOf(trial));
    clearFailure(paths.folder);
    this.killsAtStart.set(lease.token, this.countKills());
    const words = [
      ...["sweep", "trial", paths.folder],
      ...(stage === "slice" ? ["--stage", "slice"] : []),
      ...(sliceFrom === null ? [] : ["--slice-from", sliceFrom]),
      ...(pieces === 1 ? [] : ["--pieces", String(pieces)]),
      // With threads: auto it would take all cores, beside trials that count on theirs.
      ...((needs["cpus"] ?? Infinity) < this.cores ? ["--threads", String(needs["cpus"])] : []),
      // Its lock on the run's folder is still there.
      ...(this.options.hasExpired(lease.key) ? ["--take-over"] : []),
    ];
    appendText(
      paths.log,
      `${new Date().toISOString()} attempt ${lease.attempt}: slicestack ${words.join(" ")}\n`,
    );
    // Without a booking all trials would share the first GPU.
    const visible = gpus.length === 0 && needs["gpus"] !== 0 ? {} : { CUDA_VISIBLE_DEVICES: gpus.join() };
    return { words: [...this.options.program, ...words], env: visible, log: paths.log };
  }

  judge(lease: Lease, exit: Exit | null, wish: Wish | null): Verdict | null {
    const { trial, stage } = lease.payload as TrialPayload;
    const paths = this.pathsOf(lease);
    const result = readResult(paths.result);
    if (result !== null) return { is: "done", result: summaryOf(result) };
    if (stage === "slice" && exit?.code === 0) return { is: "done", result: null };
    if (stage === "all" && this.options.isPruned(trial))
      return { is: "done", result: this.record(lease, "pruned") };
    const failure = readFailure(paths.folder);
    if (failure?.outOfMemory === true || this.wasKilledForMemory(lease, exit, wish))
      return this.inMorePieces(lease);
    const shortage = shortageBehind(failure, exit, paths.folder);
    if (shortage !== null) {
      // Of a process that ended before this one began, there may be space by now.
      if (exit !== null) this.found ??= { ...shortage, path: shortage.path ?? paths.folder };
      return { is: "released", detail: "the disk took no more" };
    }
    if (wish !== null || exit?.code === STOPPED) return { is: "released" };
    if (exit === null && failure === null) return null;
    const error = failure?.message ?? endText(exit, paths.log);
    return { is: "failed", error, isFinal: exit?.code === USAGE };
  }

  /** Writes result.json for a trial that ends without an objective. @returns the summary for the queue */
  record({ payload }: Pick<Lease, "payload">, status: "failed" | "pruned", error?: string): TrialSummary {
    const paths = this.pathsOf({ payload });
    const found = readFailure(paths.folder);
    const failure = found ?? { name: "Error", message: error ?? "unknown", outOfMemory: false };
    const trial = this.options.trialOf((payload as TrialPayload).trial);
    const { epochs } = this.options.sweep.reportOf(trial, "running");
    const why = status === "failed" ? { error: errorOf(failure) } : {};
    const result: TrialResult = {
      version: 1,
      status,
      objective: null,
      metrics: {},
      epochs,
      seconds: 0,
      ...why,
    };
    writeResult(paths.result, result);
    return summaryOf(result);
  }

  /** Doubles the number of pieces of each batch; the optimisation step stays the same. */
  private inMorePieces({ payload, ...lease }: Lease): Verdict {
    const pieces = 2 * (payload as TrialPayload).pieces;
    if (pieces > MOST_PIECES)
      return { is: "failed", error: "out of memory even with the smallest batches", isFinal: true };
    const detail = `out of memory; retrying with each batch split into ${pieces} times as many pieces`;
    appendText(
      this.pathsOf({ payload }).log,
      `${new Date().toISOString()} attempt ${lease.attempt}: ${detail}\n`,
    );
    return { is: "released", detail, payload: { ...(payload as TrialPayload), pieces } };
  }

  /** Whether the kernel killed the process for lack of memory: it uses SIGKILL, and counts these kills. */
  private wasKilledForMemory({ token }: Lease, exit: Exit | null, wish: Wish | null): boolean {
    const atStart = this.killsAtStart.get(token) ?? 0;
    this.killsAtStart.delete(token);
    if (exit?.signal !== "SIGKILL" || wish !== null) return false;
    const before = Math.max(this.oomKills, atStart);
    this.oomKills = this.countKills();
    return this.oomKills > before;
  }
}

/** Where failure.json is missing because it did not fit, the disk is asked. */
function shortageBehind(failure: TrialFailure | null, exit: Exit | null, folder: string): Shortage | null {
  if (failure !== null) return failure.shortage ?? null;
  const hasFailed = exit !== null && exit.code !== null && ![0, USAGE, STOPPED].includes(exit.code);
  return hasFailed ? shortageIn(folder) : null;
}

const summaryOf = ({ status, objective, epochs, seconds }: TrialResult): TrialSummary => ({
  status,
  objective,
  epochs,
  seconds,
});

function endText(exit: Exit | null, log: string): string {
  const how = exit?.signal ? `ended by ${exit.signal}` : `ended with code ${exit?.code ?? "unknown"}`;
  const last = lastLine(log);
  return last === "" ? how : `${how}: ${last}`;
}

function lastLine(file: string): string {
  try {
    return readFileSync(file, "utf8").trimEnd().split("\n").at(-1)?.slice(0, 500) ?? "";
  } catch {
    return "";
  }
}

function countOomKills(): number {
  return Number(/^oom_kill (\d+)$/m.exec(readText("/proc/vmstat") ?? "")?.[1] ?? 0);
}
