import { Option, type Command } from "commander";
import { EXIT } from "../../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../../session.js";
import { parseCount } from "../numbers.js";

interface TrialFlags extends CommonOptions {
  stage: "slice" | "train" | "all";
  sliceFrom?: string;
  pieces?: number;
  threads?: number;
  takeOver?: boolean;
}

/** The command that runners start for each trial; external runners can use it too. */
export function addTrial(sweep: Command, start: Start): void {
  const command = sweep
    .command("trial")
    .description("train and score one trial of a sweep; runners start this command for each of them")
    .argument("<folder>", "the trial: trials/NUMBER in the folder of the sweep")
    .addOption(
      new Option(
        "--stage <stage>",
        "slice: only the slice stage, for which other trials wait; train: without the score",
      )
        .choices(["slice", "train", "all"])
        .default("all"),
    )
    .option("--slice-from <trial>", "number of a trial with the same slice stage, which is reused")
    .option(
      "--pieces <number>",
      "factor for the number of pieces in which each batch is computed; higher values need less memory",
      parseCount,
    )
    .option("--threads <number>", "most threads, where the configuration's threads are auto", parseCount)
    .option("--take-over", "take over the folder from a process on another machine that no longer runs");
  addCommon(command, {
    example: "slicestack sweep trial runs/heads/trials/000003",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.engine, EXIT.stopped],
    notes: "A trial that has a result is left unchanged. A trial that was stopped is resumed.",
  }).action((folder: string, flags: TrialFlags) =>
    start(flags, (session) => runTrialCommand(folder, flags, session)),
  );
}

async function runTrialCommand(folder: string, flags: TrialFlags, session: Session): Promise<Outcome> {
  const { runTrial } = await import("@slicestack/pipeline");
  const { onProgress, log: onLog, signal, command } = session;
  const { stage, sliceFrom, pieces, threads, takeOver } = flags;
  session.onFailure(() => "What was trained is kept; run the same command again to resume.");
  const { status, result } = await runTrial(folder, {
    stage,
    ...(sliceFrom === undefined ? {} : { sliceFrom }),
    ...(pieces === undefined ? {} : { pieces }),
    ...(threads === undefined ? {} : { maxThreads: threads }),
    ...(takeOver === undefined ? {} : { takeOver }),
    onProgress,
    onLog,
    signal,
    command,
  });
  if (status === "stopped")
    return { code: EXIT.stopped, text: "", json: { status }, note: "Stopped and saved." };
  if (result?.status === "failed") {
    const note = `This trial was given up: ${result.error?.message ?? "unknown"}. To try it again: slicestack sweep run with --retry-failed.`;
    return { code: EXIT.data, text: "", json: { status, result }, note };
  }
  const text =
    result === null
      ? stage === "slice"
        ? "The slice stage has been trained."
        : "All stages have been trained."
      : result.status === "pruned"
        ? `The point of this trial was given up after ${result.epochs} epochs of it.`
        : `Objective on the validation set: ${result.objective ?? "undefined"}`;
  return { code: EXIT.ok, text, json: { status, result } };
}
