/** A sweep in words: lines for its events, a line for where it stands, a table of what runs. */
import type { SweepEvent, SweepStatus, Trial } from "@slicestack/pipeline/internal";
import { clock, short } from "./progress-view.js";

/** "000003  head.model mean, seed 0, fold 1" */
export function trialText({ id, point, seed, fold }: Trial): string {
  const values = Object.entries(point.values).map(([key, value]) => `${key} ${valueText(value)}`);
  const what = point.name === null ? values : [point.name];
  return `${id}  ${[...what, `seed ${seed}`, ...(fold === null ? [] : [`fold ${fold}`])].join(", ")}`;
}

function valueText(value: unknown): string {
  if (typeof value === "number")
    return String(Number.isInteger(value) ? value : Number(value.toPrecision(4)));
  return typeof value === "string" ? value : JSON.stringify(value);
}

const WORDS: Record<SweepEvent["kind"], string> = {
  started: "started",
  finished: "finished",
  pruned: "pruned",
  failed: "failed",
  again: "waits again",
  cancelled: "cancelled",
  paused: "paused",
};

export function eventText({ kind, trial, isSlice, reason, summary }: SweepEvent, objective: string): string {
  const what = isSlice ? `slice stage ${WORDS[kind]}` : WORDS[kind];
  const score =
    kind === "finished" && summary !== null
      ? `: ${objective} ${summary.objective === null ? "undefined" : short(summary.objective)} in ${clock(summary.seconds)}`
      : "";
  return `${trialText(trial)}: ${what}${score}${reason === null ? "" : `: ${reason}`}`;
}

/** One line: how many of each state, how fast, how long, and the best so far. */
export function standText(status: SweepStatus): string {
  const { counts, finished, pruned, trials, rate, remainingSeconds, best, objective, isPaused } = status;
  const parts = [
    `${finished + pruned + counts.failed + counts.cancelled}/${trials} trials`,
    some(counts.leased, "running"),
    some(pruned, "pruned"),
    some(counts.failed, "failed"),
    some(counts.cancelled, "cancelled"),
    some(counts.paused, "paused"),
    rate === null ? "" : `${short(rate)} trials/h`,
    remainingSeconds === null || remainingSeconds === 0 ? "" : `${clock(remainingSeconds)} left`,
    best === null ? "" : `best ${objective} ${short(best.objective)} (point ${best.point.number})`,
    isPaused ? "the sweep is paused" : "",
  ];
  return parts.filter((part) => part !== "").join("  ");
}

const some = (count: number, word: string): string => (count === 0 ? "" : `${count} ${word}`);

/** A row for each trial that runs. @param now milliseconds since 1970 */
export function runningRows({ running }: SweepStatus, now: number): string[] {
  return running.map(({ trial, isSlice, started, attempt }) => {
    const notes = [isSlice ? "slice stage" : "", attempt > 1 ? `attempt ${attempt}` : ""]
      .filter(Boolean)
      .join(", ");
    return `  ${clock((now - started) / 1000).padStart(8)}  ${trialText(trial)}${notes === "" ? "" : `  (${notes})`}`;
  });
}

/** The best point with all that it sets. */
export function bestText({ best, objective }: Pick<SweepStatus, "best" | "objective">): string {
  if (best === null) return "No point is finished yet.";
  const { number, values } = best.point;
  const settings = Object.entries(values).map(([key, value]) => `${key}: ${valueText(value)}`);
  return `Best point on the validation set: ${number} (${settings.join(", ")}), ${objective} ${short(best.objective)}`;
}
