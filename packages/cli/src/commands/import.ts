import type { Command } from "commander";
import { EXIT, UsageError } from "../exit-codes.js";
import { collectOverride } from "../overrides.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";
import { pathWord, shownPath } from "../shell.js";
import { parseIndex } from "./numbers.js";

interface ImportOptions extends CommonOptions {
  config?: string;
  member?: number;
  allowPlugins?: boolean;
  set?: Record<string, string>;
}

export function addImport(program: Command, start: Start): void {
  const command = program
    .command("import")
    .description(
      "create a run folder from a bundle, or from a checkpoint of the published code, of torchvision, or of a run",
    )
    .argument("<checkpoint>", ".slicestack, .pth, .pt or .safetensors; no code in it is executed")
    .argument("<out>", "run folder to create")
    .option(
      "--config <file>",
      "its configuration, in structured or published form (default: derived from the file)",
    )
    .option("--member <number>", "which model of a bundle of a group, from 0", parseIndex)
    .option("--allow-plugins", "run the plug-ins in a bundle with your permissions")
    .option("--set <key=value>", "override a configuration key (repeatable)", collectOverride);
  addCommon(command, {
    example:
      "slicestack import best_model.pth runs/published --config configs/published/resnet_no_dropout.yaml",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.engine],
    notes:
      "Configuration keys are flags, too, e.g. --network.size '[64, 64, 32]'. See docs/how-to/published-checkpoints.md.",
  }).action((checkpoint: string, out: string, options: ImportOptions) =>
    start(options, (session) => runImport(checkpoint, out, options, session)),
  );
}

async function runImport(
  checkpoint: string,
  out: string,
  { config, set, member, allowPlugins = false }: ImportOptions,
  { command }: Session,
): Promise<Outcome> {
  const { holdsBundle, importBundle, importCheckpoint } = await import("@slicestack/pipeline");
  const isBundle = await holdsBundle(checkpoint);
  if (isBundle && (config ?? set) !== undefined)
    throw new UsageError("a bundle has its own configuration: omit --config and configuration keys");
  if (!isBundle && (member !== undefined || allowPlugins))
    throw new UsageError("--member and --allow-plugins go with a bundle");
  const result = isBundle
    ? await importBundle({
        bundle: checkpoint,
        out,
        allowPlugins,
        command,
        ...(member === undefined ? {} : { member }),
      })
    : importCheckpoint({ checkpoint, out, config, overrides: set ?? {}, command });
  const text = [
    `Model: ${result.model}`,
    ...result.notes,
    `Run: ${shownPath(result.run)}`,
    `Next: slicestack evaluate ${pathWord(out)} --data DATA`,
  ].join("\n");
  return { code: EXIT.ok, text, json: result };
}
