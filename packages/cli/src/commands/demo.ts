import type { DemoResult } from "@slicestack/pipeline";
import type { Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { collectOverride } from "../overrides.js";
import { clock } from "../progress-view.js";
import { pathWord, shownPath } from "../shell.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";
import { parseCount, parseSeed } from "./numbers.js";

interface DemoOptions extends CommonOptions {
  out: string;
  subjects?: number;
  seed?: number;
  epochs?: number;
  volumeEpochs?: number;
  set?: Record<string, string>;
}

export function addDemo(program: Command, start: Start): void {
  const command = program
    .command("demo")
    .description("generate CT look-alikes, train on them and report: the whole pipeline in one command")
    .option("--out <folder>", "folder for data, run and report", "demo")
    .option("--subjects <number>", "number of subjects to generate", parseCount)
    .option("--seed <number>", "seed of the data, the split and the training", parseSeed)
    .option("--epochs <number>", "number of epochs of the slice stage", parseCount)
    .option("--volume-epochs <number>", "number of epochs of the volume stage", parseCount)
    .option("--set <key=value>", "override a configuration key (repeatable)", collectOverride);
  addCommon(command, {
    example: "slicestack demo --out demo --subjects 60 --epochs 2",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.engine, EXIT.stopped],
    notes: "Configuration keys in a section are flags, too: --slice.learning_rate 0.001.",
  }).action((options: DemoOptions) => start(options, (session) => runDemoCommand(options, session)));
}

async function runDemoCommand(options: DemoOptions, session: Session): Promise<Outcome> {
  const { DemoStopped, runDemo } = await import("@slicestack/pipeline");
  const { demoConfig } = await import("@slicestack/pipeline/internal");
  const { out, subjects, seed, epochs, volumeEpochs } = options;
  const overrides = {
    ...(seed === undefined ? {} : { seed: String(seed), "split.seed": String(seed) }),
    ...(epochs === undefined ? {} : { "slice.epochs": String(epochs) }),
    ...(volumeEpochs === undefined ? {} : { "head.epochs": String(volumeEpochs) }),
    ...options.set,
  };
  let result: DemoResult;
  try {
    result = await runDemo({
      out,
      config: demoConfig(overrides),
      ...(subjects === undefined ? {} : { subjects }),
      ...(seed === undefined ? {} : { seed }),
      onProgress: session.onProgress,
      signal: session.signal,
      command: session.command,
    });
  } catch (error) {
    if (!(error instanceof DemoStopped)) throw error;
    const { run, trained } = error;
    const commands = [...(trained ? [] : [`train --resume ${pathWord(run)}`]), `evaluate ${pathWord(run)}`];
    const note = ["Stopped and saved. To resume:", ...commands.map((rest) => `  slicestack ${rest}`)].join(
      "\n",
    );
    return { code: EXIT.stopped, text: "", json: { run, status: "stopped" }, note };
  }
  const { table, report, run, data, seconds, metrics } = result;
  const text = [
    table,
    `Report: ${shownPath(report)}`,
    "",
    `Done in ${clock(seconds)}. Next, open the report in a browser, or:`,
    `  slicestack train --config configs/demo.yaml --data ${pathWord(data)} --slice.epochs 60   # train longer`,
    "  slicestack prepare SCANS data/mine   # bring your own scans",
    "  slicestack doctor   # see whether this machine could be faster",
  ].join("\n");
  return { code: EXIT.ok, text, json: { run, data, report, seconds, metrics } };
}
