import type { Command } from "commander";
import { EXIT } from "../../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../../session.js";
import { shownPath } from "../../shell.js";

interface ResultsFlags extends CommonOptions {
  out?: string;
}

export function addResults(sweep: Command, start: Start): void {
  const command = sweep
    .command("results")
    .description("rank the points of a sweep, show the effect of each key, and write the best configuration")
    .argument("<sweep>", "a sweep's file, or its folder; it may still be running")
    .option("--out <folder>", "folder of the sweep (default: the one that the file names, else runs/NAME)");
  addCommon(command, {
    example: "slicestack sweep results runs/heads",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data],
    notes:
      "Only the validation set is used. The results state from how many points the best was chosen, and how optimistic its score therefore is.",
  }).action((given: string, flags: ResultsFlags) =>
    start(flags, (session) => runResults(given, flags, session)),
  );
}

async function runResults(given: string, { out }: ResultsFlags, { command }: Session): Promise<Outcome> {
  const { sweepResults } = await import("@slicestack/pipeline");
  const { sweepOutcomeJson } = await import("@slicestack/pipeline/internal");
  const { text, files, outcome } = await sweepResults(given, {
    command,
    ...(out === undefined ? {} : { out }),
  });
  const best = files.best === null ? [] : [`Best configuration: ${shownPath(files.best)}`];
  const lines = [`Page: ${shownPath(files.page)}`, `Table: ${shownPath(files.leaderboard)}`, ...best];
  return {
    code: EXIT.ok,
    text: `${text}\n\n${lines.join("\n")}`,
    json: { files, ...sweepOutcomeJson(outcome) },
  };
}
