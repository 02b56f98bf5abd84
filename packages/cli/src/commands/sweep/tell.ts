import { InvalidArgumentError, Option, type Command } from "commander";
import { EXIT, UsageError } from "../../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Start } from "../../session.js";

interface TellFlags extends CommonOptions {
  trial: string;
  objective?: number;
  state?: "failed" | "pruned" | "waiting";
  message?: string;
  replace?: boolean;
}

export function addTell(sweep: Command, start: Start): void {
  const command = sweep
    .command("tell")
    .description("report the result of a trial that ask handed out")
    .argument("<folder>", "folder of the sweep")
    .requiredOption("--trial <id>", "the trial, as ask printed it")
    .option("--objective <value>", "the sweep's metric on the validation set; nan: undefined", parseObjective)
    .addOption(
      new Option("--state <state>", "instead of an objective; waiting returns the trial").choices([
        "failed",
        "pruned",
        "waiting",
      ]),
    )
    .option("--message <text>", "why it failed")
    .option("--replace", "replace another result of this trial");
  addCommon(command, {
    example: "slicestack sweep tell runs/heads --trial 000003 --objective 0.84",
    codes: [EXIT.ok, EXIT.usage, EXIT.data],
    notes:
      "The result is on disk when the command ends. The same result may be reported again. Without --objective and --state, the result written by slicestack sweep trial is used.",
  }).action((folder: string, flags: TellFlags) => start(flags, () => runTell(folder, flags)));
}

function parseObjective(text: string): number {
  if (/^nan$/i.test(text)) return NaN;
  if (text.trim() !== "" && Number.isFinite(Number(text))) return Number(text);
  throw new InvalidArgumentError("Expected a number, or nan.");
}

async function runTell(folder: string, { json: _, verbose: __, ...told }: TellFlags): Promise<Outcome> {
  const { tell } = await import("@slicestack/pipeline");
  if (told.objective !== undefined && told.state !== undefined && told.state !== "pruned")
    throw new UsageError(`--objective and --state ${told.state} exclude each other`);
  const result = await tell(folder, told);
  const objective = result.objective === null ? "" : `, objective ${result.objective}`;
  const text = `Trial ${result.id}: ${result.state}${objective}${result.isNew ? "" : " (as before)"}`;
  return { code: EXIT.ok, text, json: result };
}
