/** `sweep run --on slurm`. */
import type { SlurmSweepCounts, SlurmSweepEvent, SlurmSweepResult } from "@slicestack/pipeline/internal";
import { EXIT, type ExitCode } from "../../exit-codes.js";
import { short } from "../../progress-view.js";
import type { Outcome, Session } from "../../session.js";
import { pathWord, shownPath } from "../../shell.js";

export interface SlurmRunFlags {
  data?: string;
  out?: string;
  /** Seconds. */
  poll?: number;
  retryFailed?: boolean;
}

export async function runSlurmSweep(file: string, flags: SlurmRunFlags, session: Session): Promise<Outcome> {
  const { runSweepOnSlurm } = await import("@slicestack/pipeline/internal");
  const { data, out, poll, retryFailed } = flags;
  const { signal, command, log } = session;
  session.onFailure(() => "What the trials have trained is kept; run the same command again to resume.");
  let told = "";
  const result = await runSweepOnSlurm({
    sweep: file,
    program: [process.execPath, ...process.execArgv, process.argv[1]!],
    ...(data === undefined ? {} : { data }),
    ...(out === undefined ? {} : { out }),
    ...(poll === undefined ? {} : { slurm: { poll } }),
    ...(retryFailed === undefined ? {} : { retryFailed }),
    signal,
    command,
    onLog: log,
    onEvent: (event) => log(eventText(event)),
    onRound: (counts) => {
      const line = countsText(counts);
      if (line !== told) log((told = line));
    },
  });
  return outcomeOf(result);
}

function eventText({ kind, trial, stage, reason, result }: SlurmSweepEvent): string {
  const words = {
    finished: "finished",
    failed: "failed",
    pruned: "pruned",
    cancelled: "cancelled",
    again: "waits again",
  };
  const score =
    kind === "finished"
      ? `: ${result?.objective === null ? "undefined" : short(result?.objective ?? NaN)}`
      : "";
  const where = kind === "failed" || kind === "again" ? ` (${stage})` : "";
  return `${trial.id} ${words[kind]}${where}${score}${reason === null ? "" : `: ${reason}`}`;
}

function countsText({ trials, running, waiting, ...ended }: SlurmSweepCounts): string {
  const { finished, ...others } = ended;
  const parts = Object.entries({ running, waiting, ...others }).filter(([, count]) => count > 0);
  return [`${finished}/${trials} trials finished`, ...parts.map(([word, count]) => `${count} ${word}`)].join(
    ", ",
  );
}

function outcomeOf(result: SlurmSweepResult): Outcome {
  const { status, folder, counts, best, objective, failed } = result;
  const again = `slicestack sweep run ${pathWord(folder)} --on slurm`;
  if (status === "detached") {
    const note = `The jobs continue without this command. To follow them: ${again}`;
    return { code: EXIT.stopped, text: "", json: result, note };
  }
  const values = best === null ? "" : JSON.stringify(best.point.values);
  const bestLine =
    best === null
      ? "No point is finished."
      : `Best point on the validation set: ${best.point.number} ${values}, ${objective} ${short(best.objective)}`;
  const lines = [
    countsText(counts),
    bestLine,
    ...failed.slice(0, 5).map(({ trial, error }) => `Failed: ${trial}: ${error}`),
    ...(failed.length > 5 ? [`… and ${failed.length - 5} more`] : []),
    `Sweep: ${shownPath(folder)}`,
    status === "cancelled"
      ? `The sweep was cancelled. To continue it: ${again}`
      : `Next: slicestack sweep results ${pathWord(folder)}`,
  ];
  return { code: codeOf(result), text: lines.join("\n"), json: result };
}

const codeOf = ({ status, failed }: SlurmSweepResult): ExitCode =>
  status === "cancelled" ? EXIT.stopped : failed.length > 0 ? EXIT.partly : EXIT.ok;
