import type { Command } from "commander";
import { EXIT } from "../../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Start } from "../../session.js";
import { showSlurmStatus } from "./control-slurm.js";
import { bestText, runningRows, standText } from "../../sweep-text.js";

interface StatusFlags extends CommonOptions {
  out?: string;
}

export function addStatus(sweep: Command, start: Start): void {
  const command = sweep
    .command("status")
    .description(
      "show the state of a sweep: running and failed trials, the remaining time, the best point so far",
    )
    .argument("<sweep>", "the sweep's file, or its folder")
    .option("--out <folder>", "folder of the sweep, if it is not named in the file");
  addCommon(command, {
    example: "slicestack sweep status runs/heads",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.peer],
    notes: "Of a sweep that runs on Slurm it shows the jobs, with their ids and states.",
  }).action((file: string, flags: StatusFlags) => start(flags, () => showStatus(file, flags)));
}

async function showStatus(file: string, { out }: StatusFlags): Promise<Outcome> {
  const { runsOnSlurm, sweepStatus } = await import("@slicestack/pipeline/internal");
  const target = { sweep: file, ...(out === undefined ? {} : { out }) };
  if (runsOnSlurm(target)) return showSlurmStatus(target);
  const status = await sweepStatus(target);
  const failed = status.failed.map(({ trial, error }) => `Failed: ${trial}: ${error ?? "unknown"}`);
  const idle = status.isRunning ? [] : ["No process is running the sweep."];
  const lines = [standText(status), ...runningRows(status, Date.now()), bestText(status), ...failed, ...idle];
  return { code: EXIT.ok, text: lines.join("\n"), json: status };
}
