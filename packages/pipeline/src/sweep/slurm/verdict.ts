/** Determines what the end of an attempt means for its trial. */
import { constants } from "node:os";
import { OF_SLURM, type Attempt } from "./attempts.js";

export type Verdict =
  | { is: "active" }
  | { is: "done" }
  /** To be submitted again at once: the attempt was ended by the cluster, not by an error of the trial. */
  | { is: "again"; reason: string }
  /** `isFinal`: it would fail again in the same way. `isMemory`: Slurm ended it because it used too much memory. */
  | { is: "failed"; reason: string; isFinal: boolean; isMemory?: true }
  | { is: "cancelled" };

/** Exit code of the command line for a wrong configuration. */
const USAGE = 2;
const { SIGTERM, SIGUSR1 } = constants.signals;

const outOfMemory: Verdict = {
  is: "failed",
  reason: "it used more memory than its job was given: raise mem in slurm.sbatch",
  isFinal: false,
  isMemory: true,
};

/**
 * @param mostRestarts the number of restarts after which a stopped task is no longer requeued
 * @param couldStart whether the attempt that it waited for succeeded; if not, Slurm cancels it, and it is submitted
 * again later
 */
export function verdictOf({ state }: Attempt, mostRestarts: number, couldStart: boolean): Verdict {
  if (state.is === "active") return { is: "active" };
  if (state.is === "lost") {
    const { state: word, signal } = state;
    if (state.isMemory) return outOfMemory;
    if (word === null) return { is: "again", reason: "Slurm no longer knows its job" };
    if (OF_SLURM.has(word)) return { is: "again", reason: `Slurm ended its job (${word})` };
    if (word === "CANCELLED") return couldStart ? { is: "cancelled" } : { is: "again", reason: "" };
    if (signal === SIGUSR1 || signal === SIGTERM)
      return { is: "again", reason: "its job was asked to stop before it had started" };
    return { is: "failed", reason: `its job ended as ${word}`, isFinal: false };
  }
  const { code, signal, stopped, restarts, refused } = state.outcome;
  if (code === 0) return { is: "done" };
  if (state.isMemory) return outOfMemory;
  if (refused === true) return { is: "again", reason: "it saved its state, and Slurm refused to requeue it" };
  if (stopped && restarts >= mostRestarts)
    return {
      is: "failed",
      reason: `it was requeued ${restarts} times: its time limit is too short`,
      isFinal: true,
    };
  if (stopped) return { is: "cancelled" };
  const how = code === null ? `ended by ${signal}` : `ended with exit code ${code}`;
  return { is: "failed", reason: how, isFinal: code === USAGE };
}
