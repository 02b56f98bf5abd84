import type { Command } from "commander";
import { EXIT, UsageError } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Start } from "../session.js";

interface RunsOptions extends CommonOptions {
  sort: string;
  filter?: string[];
}

export function addRuns(program: Command, start: Start): void {
  const command = program
    .command("runs")
    .description("list the runs below a folder: state, scores, curves")
    .argument("[folder]", "folder to search", "runs")
    .option(
      "--sort <key>",
      "folder, name, method, status, created, dataset, seed, epochs, val, select, test or reads; -KEY from high to low",
      "folder",
    )
    .option(
      "--filter <condition>",
      "e.g. method=3d, status!=broken, test>=0.8 (repeatable; all must hold)",
      (text: string, before: string[] = []) => [...before, text],
    );
  addCommon(command, {
    example: "slicestack runs runs --sort=-test --filter method=2.5d",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage],
  }).action((folder: string, options: RunsOptions) => start(options, () => runRuns(folder, options)));
}

async function runRuns(folder: string, { sort, filter = [] }: RunsOptions): Promise<Outcome> {
  const { listRuns } = await import("@slicestack/pipeline");
  const { filterRuns, RUN_KEYS, runsText, sortRuns } = await import("@slicestack/pipeline/internal");
  if (!RUN_KEYS.includes(sort.replace(/^-/, "")))
    throw new UsageError(`--sort: expected one of ${RUN_KEYS.join(", ")}, received ${sort}`);
  const runs = sortRuns(filterRuns(listRuns(folder), filter), sort);
  return { code: EXIT.ok, text: runsText(runs), json: { runs } };
}
