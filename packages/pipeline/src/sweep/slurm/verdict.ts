/** What the end of an attempt means for its trial. */
import type { Attempt } from "./attempts.js";

export type Verdict =
  | { is: "active" }
  | { is: "done" }
  /** It is submitted again at once: the cluster ended it, not the trial. */
  | { is: "again"; reason: string }
  /** @param isFinal it would fail in the same way again */
  | { is: "failed"; reason: string; isFinal: boolean }
  | { is: "cancelled" };

/** Exit code of the command line for a wrong configuration. */
const USAGE = 2;
/** States in which Slurm ends a job for reasons of its own. */
const OF_SLURM = new Set(["BOOT_FAIL", "DEADLINE", "NODE_FAIL", "PREEMPTED", "REVOKED", "TIMEOUT"]);

/**
 * @param mostRestarts after which a stopped task was not requeued any more
 * @param couldStart what it waited for has succeeded: otherwise Slurm cancels it, and it is submitted again later
 */
export function verdictOf({ state }: Attempt, mostRestarts: number, couldStart: boolean): Verdict {
  if (state.is === "active") return { is: "active" };
  if (state.is === "lost") {
    const { state: word } = state;
    if (word === null) return { is: "again", reason: "Slurm no longer knows its job" };
    if (OF_SLURM.has(word)) return { is: "again", reason: `Slurm ended its job (${word})` };
    if (word === "CANCELLED") return couldStart ? { is: "cancelled" } : { is: "again", reason: "" };
    return { is: "failed", reason: `its job ended as ${word}`, isFinal: false };
  }
  const { code, signal, stopped, restarts } = state.outcome;
  if (code === 0) return { is: "done" };
  if (stopped && restarts >= mostRestarts)
    return { is: "failed", reason: `it was requeued ${restarts} times: its time limit is too short`, isFinal: true };
  if (stopped) return { is: "cancelled" };
  const how = code === null ? `ended by ${signal}` : `ended with exit code ${code}`;
  return { is: "failed", reason: how, isFinal: code === USAGE };
}
