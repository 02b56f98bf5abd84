/** sweep status, pause, resume, cancel and priority for a sweep that runs on Slurm. */
import type {
  SlurmControlOptions,
  SlurmControlResult,
  SlurmSweepStatus,
} from "@slicestack/pipeline/internal";
import { EXIT } from "../../exit-codes.js";
import type { Outcome } from "../../session.js";
import { pathWord } from "../../shell.js";
import { bestText, trialText } from "../../sweep-text.js";

export async function showSlurmStatus(options: SlurmControlOptions): Promise<Outcome> {
  const { slurmSweepStatus } = await import("@slicestack/pipeline/internal");
  const status = await slurmSweepStatus(options);
  const failed = status.failed.map(({ trial, error }) => `Failed: ${trial}: ${error ?? "unknown"}`);
  const lines = [standText(status), ...taskRows(status), bestText(status), ...failed, ...nextLine(status)];
  return { code: EXIT.ok, text: lines.join("\n"), json: status };
}

function standText({ trials, finished, pruned, failed, tasks }: SlurmSweepStatus): string {
  const of = (phase: string) => tasks.filter((task) => task.phase === phase).length;
  const counts = { running: of("running"), waiting: of("waiting"), pruned, failed: failed.length };
  const parts = Object.entries(counts).filter(([, count]) => count > 0);
  const ended = finished + pruned + failed.length;
  return [`${ended}/${trials} trials, on Slurm`, ...parts.map(([word, count]) => `${count} ${word}`)].join(
    "  ",
  );
}

/** A row for each job that runs, and for each reason why others wait. */
function taskRows({ tasks }: SlurmSweepStatus): string[] {
  const running = tasks.filter(({ phase }) => phase === "running");
  const waiting = new Map<string, string[]>();
  for (const { phase, id, stage, state, reason } of tasks)
    if (phase === "waiting") {
      const why = `${stage}, ${state}${reason === "" ? "" : ` (${reason})`}`;
      waiting.set(why, [...(waiting.get(why) ?? []), id]);
    }
  return [
    ...running.map(
      ({ id, state, nodes, stage, trial }) =>
        `  ${id}  ${state} on ${nodes}  ${stage} of ${trialText(trial)}`,
    ),
    ...[...waiting].map(
      ([why, ids]) => `  ${ids.slice(0, 5).join(" ")}${ids.length > 5 ? ` … (${ids.length})` : ""}  ${why}`,
    ),
  ];
}

function nextLine({
  folder,
  trials,
  finished,
  pruned,
  failed,
  isPaused,
  isCancelled,
  isRunning,
}: SlurmSweepStatus): string[] {
  const path = pathWord(folder);
  if (isPaused) return [`The sweep is paused. To continue it: slicestack sweep resume ${path}`];
  const isOver = finished + pruned + failed.length === trials;
  if (isRunning || isOver) return [];
  const why = isCancelled
    ? "The sweep was cancelled. To continue it"
    : "No process follows the sweep. To follow it";
  return [`${why}: slicestack sweep run ${path} --on slurm`];
}

export async function pauseOnSlurm(
  options: SlurmControlOptions & { trials: readonly number[]; now: boolean },
): Promise<Outcome> {
  const { pauseSlurmSweep, refuseTrials } = await import("@slicestack/pipeline/internal");
  const { trials, now, ...target } = options;
  const what = "only the whole sweep can be paused";
  if (trials.length > 0) return refuseTrials(target, { trials, what, command: "scontrol hold JOBS" });
  const result = await pauseSlurmSweep({ ...target, running: now ? "stop" : "finish" });
  const path = pathWord(result.folder);
  const jobs = changedText(result, now ? "held, or asked to save first" : "held");
  return {
    code: EXIT.ok,
    text: `The sweep is paused: ${jobs}. To resume: slicestack sweep resume ${path}`,
    json: result,
  };
}

export async function resumeOnSlurm(
  options: SlurmControlOptions & { trials: readonly number[] },
): Promise<Outcome> {
  const { resumeSlurmSweep, refuseTrials } = await import("@slicestack/pipeline/internal");
  const { trials, ...target } = options;
  const what = "only the whole sweep can be resumed";
  if (trials.length > 0) return refuseTrials(target, { trials, what, command: "scontrol release JOBS" });
  const result = await resumeSlurmSweep(target);
  const { folder, isRunning } = result;
  const next = isRunning ? "" : ` To follow it: slicestack sweep run ${pathWord(folder)} --on slurm`;
  return {
    code: EXIT.ok,
    text: `The sweep continues: ${changedText(result, "released")}.${next}`,
    json: result,
  };
}

export async function prioritiseOnSlurm(
  options: SlurmControlOptions & { trials: readonly number[] },
): Promise<Outcome> {
  const { refuseTrials } = await import("@slicestack/pipeline/internal");
  const { trials, ...target } = options;
  const what = "the order of jobs is Slurm's";
  return refuseTrials(target, { trials, what, command: "scontrol top JOBS" });
}

export async function cancelOnSlurm({
  sweep,
  ...options
}: SlurmControlOptions & { trials: readonly number[] }): Promise<Outcome> {
  const { cancelSweepOnSlurm, cancelTrialsOnSlurm } = await import("@slicestack/pipeline/internal");
  const { trials, ...target } = options;
  if (trials.length > 0) {
    const result = await cancelTrialsOnSlurm({ sweep, ...target, trials });
    const text = `${result.changed} ${result.changed === 1 ? "trial is" : "trials are"} cancelled.`;
    return { code: EXIT.ok, text, json: result };
  }
  const result = await cancelSweepOnSlurm(sweep, target);
  const { cancelled, folder } = result;
  const text = `${cancelled} ${cancelled === 1 ? "job was" : "jobs were"} cancelled. To continue the sweep: slicestack sweep run ${pathWord(folder)} --on slurm`;
  return { code: EXIT.ok, text, json: result };
}

const changedText = ({ changed }: SlurmControlResult, done: string): string =>
  `${changed} ${changed === 1 ? "job was" : "jobs were"} ${done}`;
