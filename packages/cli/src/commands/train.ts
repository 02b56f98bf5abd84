import { existsSync } from "node:fs";
import { join } from "node:path";
import { Option, type Command } from "commander";
import { EXIT, UsageError } from "../exit-codes.js";
import { collectOverride, PLAIN_KEYS } from "../overrides.js";
import { freeRunFolder } from "../run-folder.js";
import { shellWord } from "../shell.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";

interface TrainOptions extends CommonOptions {
  config?: string;
  data?: string;
  out?: string;
  stage: "slice" | "volume" | "fine_tune" | "all";
  resume?: string | true;
  printConfig?: boolean;
  set?: Record<string, string>;
}

export function addTrain(program: Command, start: Start): void {
  const command = program
    .command("train")
    .description("train the stages of a configuration into a run folder")
    .option("--config <file>", "configuration: YAML, structured or in the published flat form")
    .option("--data <folder>", "prepared data set")
    .option("--out <folder>", "run folder (default: runs/NAME, with a number where that is taken)")
    .addOption(
      new Option("--stage <stage>", "what to train").choices(["slice", "volume", "fine_tune", "all"]).default("all"),
    )
    .option("--resume [run]", "go on in a run folder, with its own configuration and data")
    .option("--print-config", "print the complete configuration and stop; needs no data")
    .option("--set <key=value>", "override a configuration key (repeatable)", collectOverride);
  addCommon(command, {
    example: "slicestack train --config configs/lidc_nodules.yaml --data data/lidc --slice.epochs 5",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.engine, EXIT.stopped],
    notes: `Configuration keys are flags too: --slice.epochs 3, --volume.head mean,\n${PLAIN_KEYS.map((key) => `--${key}`).join(", ")}.`,
  }).action((options: TrainOptions) => start(options, (session) => runTrain(options, session)));
}

async function runTrain(options: TrainOptions, session: Session): Promise<Outcome> {
  const { loadConfig, configToFile, configToYaml, readRecord, train } = await import("@slicestack/pipeline");
  const resumed = resumedRun(options);
  const file = options.config ?? (resumed === undefined ? undefined : join(resumed, "config.yaml"));
  if (file === undefined && !options.printConfig)
    throw new UsageError("train needs --config FILE, or --resume RUN to go on with a run");
  const config = loadConfig({ ...(file === undefined ? {} : { file }), overrides: options.set ?? {} });
  if (options.printConfig)
    return { code: EXIT.ok, text: configToYaml(config).trimEnd(), json: { config: configToFile(config) } };
  const data = options.data ?? (resumed === undefined ? undefined : readRecord(resumed).dataset?.directory);
  if (data === undefined) throw new UsageError("train needs --data FOLDER, a data set made by slicestack prepare");
  const out = options.out ?? resumed ?? freeRunFolder(config.name, config.relaunch);
  const resume = resumed !== undefined || (config.relaunch && existsSync(join(out, "run.json")));
  session.log(`Run: ${out}`);

  const { stage } = options;
  const { onProgress, signal, command } = session;
  const result = await train({ config, data, out, stage, resume, onProgress, signal, command });
  if (result.status === "stopped") {
    const rest = stage === "all" ? "" : ` --stage ${stage}`;
    const note = `Stopped and saved. To go on: slicestack train --resume ${shellWord(result.run)}${rest}`;
    return { code: EXIT.stopped, text: "", json: result, note };
  }
  const scores = Object.entries(result.best).map(
    ([name, score]) => `${`${STAGE_NAMES[name] ?? name}:`.padEnd(14)} best validation score ${score.toFixed(3)}`,
  );
  const text = [
    ...scores,
    `Run: ${result.run}`,
    stage === "slice" && config.method === "2.5d"
      ? `Next: slicestack train --resume ${shellWord(result.run)} --stage volume`
      : `Next: slicestack evaluate ${shellWord(result.run)}`,
  ].join("\n");
  return { code: EXIT.ok, text, json: result };
}

const STAGE_NAMES: Record<string, string> = {
  slice: "Slice stage",
  volume: "Volume stage",
  fine_tune: "Fine-tuning",
};

/** The folder to go on in: that of --resume, else that of --out. */
function resumedRun({ resume, out }: TrainOptions): string | undefined {
  if (resume === undefined) return undefined;
  const run = resume === true ? out : resume;
  if (run === undefined) throw new UsageError("--resume needs the run folder: --resume RUN, or --resume --out RUN");
  if (typeof resume === "string" && out !== undefined && out !== resume)
    throw new UsageError(`--resume ${resume} and --out ${out} name two folders; a run goes on in its own`);
  if (!existsSync(join(run, "run.json"))) throw new UsageError(`${run} is no run folder: it has no run.json`);
  return run;
}
