/** What the attempts at a stage of a trial mean together: whether it is done, how often it failed, and why. */
import { readFailure } from "../trial-failure.js";
import type { Sweep } from "../sweep.js";
import type { Attempt, Attempts, Stage } from "./attempts.js";
import { verdictOf, type Verdict } from "./verdict.js";

/** A task that was stopped this often is not requeued again. */
export const MOST_RESTARTS = 200;
/** If a batch does not fit even in 64 times as many pieces, the trial is given up. */
const MOST_PIECES = 64;

export class Judgement {
  /** @param hasResult whether result.json of a trial exists */
  constructor(
    private readonly attempts: Attempts,
    private readonly sweep: Sweep,
    private readonly hasResult: (trial: string) => boolean,
  ) {}

  verdict(attempt: Attempt): Verdict {
    const parent = attempt.parent === null ? undefined : this.attempts.byKey(attempt.parent);
    const verdict = verdictOf(
      attempt,
      MOST_RESTARTS,
      parent === undefined || this.verdict(parent).is === "done",
    );
    const isEmpty = verdict.is === "done" && attempt.stage === "score" && !this.hasResult(attempt.trial);
    return isEmpty ? { is: "failed", reason: "it ended without a result", isFinal: false } : verdict;
  }

  isDone(trial: string, stage: Stage): boolean {
    return this.attempts.of(trial, stage).some((attempt) => this.verdict(attempt).is === "done");
  }

  /** How often it failed. Running out of memory does not count as long as there is a smaller batch to try. */
  failures(trial: string, stage: Stage): number {
    const all = this.attempts.of(trial, stage);
    // An attempt after which the batch was cut into more pieces is one that ran out of memory.
    const counts = (attempt: Attempt, k: number) =>
      this.verdict(attempt).is === "failed" &&
      (k + 1 < all.length ? all[k + 1]!.pieces === attempt.pieces : !this.canShrink(trial, stage));
    return all.filter(counts).length;
  }

  /** Into how many times as many pieces as configured the next attempt cuts each batch; its step stays the same. */
  nextPieces(trial: string, stage: Stage): number {
    const pieces = this.attempts.last(trial, stage)?.pieces ?? 1;
    return this.canShrink(trial, stage) ? 2 * pieces : pieces;
  }

  /** Whether the last attempt ran out of memory, and smaller batches are left. */
  canShrink(trial: string, stage: Stage): boolean {
    const last = this.attempts.last(trial, stage);
    return last !== undefined && last.pieces < MOST_PIECES && this.ranOutOfMemory(last);
  }

  /** Libtorch says so in failure.json; where Slurm or the kernel killed the process, only the state of the job does. */
  private ranOutOfMemory(attempt: Attempt): boolean {
    const verdict = this.verdict(attempt);
    if (verdict.is !== "failed") return false;
    return (
      verdict.isMemory === true ||
      readFailure(this.sweep.paths.trial(attempt.trial).folder)?.outOfMemory === true
    );
  }
}
