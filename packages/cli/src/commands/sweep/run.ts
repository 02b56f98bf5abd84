import { Option, type Command } from "commander";
import type { RunSweepResult } from "@slicestack/pipeline/internal";
import { EXIT, UsageError } from "../../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../../session.js";
import { pathWord, shownPath } from "../../shell.js";
import { bestText, standText } from "../../sweep-text.js";
import { createSweepView } from "../../sweep-view.js";
import { parseCount, parseDuration } from "../numbers.js";
import { parseGpus } from "./parse-arguments.js";
import { runSlurmSweep } from "./run-slurm.js";

interface RunFlags extends CommonOptions {
  data?: string;
  out?: string;
  slots?: number;
  gpus?: number[];
  retryFailed?: boolean;
  on?: "slurm";
  poll?: number;
}

export function addRun(sweep: Command, start: Start): void {
  const command = sweep
    .command("run")
    .description(
      "run the trials of a sweep, on this machine as processes or as jobs of a cluster; the same command resumes",
    )
    .argument(
      "<sweep>",
      "a sweep's file, its folder once it has been started, or a folder of YAML files with a point each",
    )
    .option("--data <folder>", "prepared data set (default: the one that the file names)")
    .option("--out <folder>", "folder of the sweep (default: the one that the file names, else runs/NAME)")
    .option(
      "--slots <number>",
      "most trials that run at the same time (default: as many as CPUs, memory and GPUs allow)",
      parseCount,
    )
    .addOption(
      new Option("--gpus <numbers>", "GPUs that may be used, e.g. 0,2,3 (default: all)").argParser(parseGpus),
    )
    .option("--retry-failed", "retry failed trials")
    .addOption(new Option("--on <where>", "run the trials as jobs of a cluster").choices(["slurm"]))
    .option(
      "--poll <time>",
      "with --on slurm: time between two queries (default: slurm.poll of the file)",
      parseDuration,
    );
  addCommon(command, {
    example: "slicestack sweep run heads.yaml --data data/nodules\nslicestack sweep run runs/heads",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.partly, EXIT.peer, EXIT.stopped],
    notes:
      "On Ctrl-C, the trials save their state and end; the same command resumes them. In another terminal: slicestack sweep status, pause, resume, cancel, add. With --on slurm, Ctrl-C ends only this command; the jobs continue.",
  }).action((file: string, flags: RunFlags) =>
    start(flags, (session) => {
      const isHere = refuseMixed(flags).on === undefined;
      return isHere ? runSweepCommand(file, flags, session) : runSlurmSweep(file, flags, session);
    }),
  );
}

/** @throws UsageError if an option of one runner is given to the other */
function refuseMixed(flags: RunFlags): RunFlags {
  if (flags.on === undefined && flags.poll !== undefined) throw new UsageError("--poll needs --on slurm");
  if (flags.on !== undefined && (flags.slots ?? flags.gpus) !== undefined)
    throw new UsageError(
      "--slots and --gpus are of this machine: with --on slurm, slurm.throttle and slurm.sbatch say it",
    );
  return flags;
}

async function runSweepCommand(file: string, flags: RunFlags, session: Session): Promise<Outcome> {
  const { runSweep } = await import("@slicestack/pipeline/internal");
  const { data, out, slots, gpus, retryFailed } = flags;
  const { signal, command } = session;
  const view = createSweepView(process.stderr);
  session.onFailure(() => "What the trials have trained is kept; run the same command again to resume.");
  try {
    const result = await runSweep({
      sweep: file,
      program: [process.execPath, ...process.execArgv, process.argv[1]!],
      run: { ...(slots === undefined ? {} : { slots }), ...(gpus === undefined ? {} : { use_gpus: gpus }) },
      ...(data === undefined ? {} : { data }),
      ...(out === undefined ? {} : { out }),
      ...(retryFailed === undefined ? {} : { retryFailed }),
      signal,
      command,
      onEvent: (event) => view.event(event),
      onStatus: (status) => view.status(status),
    });
    view.close();
    return outcomeOf(result);
  } finally {
    view.close();
  }
}

function outcomeOf(result: RunSweepResult): Outcome {
  const { status, folder, sweep } = result;
  const resume = `slicestack sweep run ${pathWord(folder)}`;
  if (status === "stopped") {
    const note = `Stopped and saved. To resume: ${resume}`;
    return { code: EXIT.stopped, text: "", json: result, note };
  }
  const failed = sweep.failed
    .slice(0, 5)
    .map(({ trial, error }) => `Failed: ${trial}: ${error ?? "unknown"}`);
  const more =
    sweep.failed.length > 5
      ? [`… and ${sweep.failed.length - 5} more: slicestack sweep status lists them.`]
      : [];
  const paused =
    status === "paused" ? [`Paused trials wait for: slicestack sweep resume ${pathWord(folder)}`] : [];
  const again = failed.length === 0 ? [] : [`To retry them: ${resume} --retry-failed`];
  const lines = [standText(sweep), bestText(sweep), ...failed, ...more, ...again, ...paused];
  const next = `Next: slicestack sweep results ${pathWord(folder)}`;
  const code = sweep.failed.length > 0 ? EXIT.partly : EXIT.ok;
  return { code, text: [...lines, `Sweep: ${shownPath(folder)}`, next].join("\n"), json: result };
}
