import type { Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";
import { parseCount } from "./numbers.js";

interface ClockFlags extends CommonOptions {
  batch: number;
  epochs: number;
  config?: string;
}

export function addClock(program: Command, start: Start): void {
  const command = program
    .command("clock")
    .description(
      "time how fast a data set is loaded: slices and volumes, in order and at random, plain and augmented",
    )
    .argument("<data>", "folder of the prepared data set")
    .option("--batch <number>", "number of slices in a batch", parseCount, 32)
    .option("--epochs <number>", "number of passes over the data set", parseCount, 1)
    .option("--config <file>", "window, size and augmentation of this configuration (default: the defaults)");
  addCommon(command, {
    example: "slicestack clock data/mosmed --epochs 3",
    codes: [EXIT.ok, EXIT.usage, EXIT.data, EXIT.engine, EXIT.stopped],
    notes:
      "The first passes read from disk, as far as the system can be made to drop the file from its cache (GNU dd, fincore); the table says " +
      "how much of it was in memory. Times differ from run to run and do not affect the exit code.",
  }).action((data: string, options: ClockFlags) =>
    start(options, (session) => runClock(data, options, session)),
  );
}

async function runClock(
  data: string,
  { batch, epochs, config }: ClockFlags,
  session: Session,
): Promise<Outcome> {
  const { clock, loadConfig, usePlugins } = await import("@slicestack/pipeline");
  const { clockText } = await import("@slicestack/pipeline/internal");
  const { onProgress, signal } = session;
  const given = config === undefined ? {} : { file: config };
  await usePlugins(given);
  const settings = loadConfig(given);
  const result = await clock({ data, config: settings, batch, epochs, onProgress, signal });
  return { code: EXIT.ok, text: clockText(result), json: result };
}
