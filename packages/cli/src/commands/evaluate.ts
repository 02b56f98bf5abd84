import { Option, type Command } from "commander";
import { EXIT, UsageError } from "../exit-codes.js";
import { collectOverride } from "../overrides.js";
import { freeRunFolder } from "../run-folder.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";

interface EvaluateOptions extends CommonOptions {
  data?: string;
  part?: "all" | "train" | "val" | "test";
  mapClasses?: Record<string, string>;
  checkpoint?: string;
  config?: string;
  out?: string;
  set?: Record<string, string>;
}

export function addEvaluate(program: Command, start: Start): void {
  const command = program
    .command("evaluate")
    .description("score a run, or a checkpoint from elsewhere, and write its report")
    .argument("[run]", "run folder")
    .option("--data <folder>", "another prepared data set: external validation (default: the run's own test part)")
    .addOption(
      new Option("--part <part>", "of that data set's split").choices(["all", "train", "val", "test"]).default("all"),
    )
    .option("--map-classes <theirs=ours>", "a class of that data set by its name in the task; repeatable", collectPair)
    .option("--checkpoint <file>", "in place of a run: imported into --out first (see slicestack import)")
    .option("--config <file>", "with --checkpoint: its configuration, structured or published")
    .option("--out <folder>", "with --checkpoint: the run folder to make (default: runs/NAME)")
    .option("--set <key=value>", "with --checkpoint: override a configuration key (repeatable)", collectOverride);
  addCommon(command, {
    example: "slicestack evaluate runs/lidc_nodules",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.engine, EXIT.stopped],
    notes: "  $ slicestack evaluate --config attn.yaml --checkpoint best_model.pth --data data/mosmed",
  }).action((run: string | undefined, options: EvaluateOptions) =>
    start(options, (session) => runEvaluate(run, options, session)),
  );
}

async function runEvaluate(run: string | undefined, options: EvaluateOptions, session: Session): Promise<Outcome> {
  const { evaluate } = await import("@slicestack/pipeline");
  checkOptions(run, options);
  const { data, part = "all", mapClasses = {} } = options;
  const { onProgress, signal, command } = session;
  const scored = run ?? (await imported(options, session));
  const other = data === undefined ? {} : { data, part, mapClasses };
  const result = await evaluate({ run: scored, ...other, onProgress, signal, command });
  const { report, metrics } = result;
  return { code: EXIT.ok, text: `${result.table}\nReport: ${report}`, json: { run: result.run, report, metrics } };
}

function checkOptions(
  run: string | undefined,
  { data, part, mapClasses, checkpoint, config, out, set }: EvaluateOptions,
): void {
  if (run === undefined && checkpoint === undefined)
    throw new UsageError("evaluate needs a run folder, or --checkpoint FILE with --data FOLDER");
  if (run !== undefined && checkpoint !== undefined)
    throw new UsageError(`evaluate takes a run or a checkpoint; received ${run} and --checkpoint ${checkpoint}`);
  if (run !== undefined && (config ?? out ?? set) !== undefined)
    throw new UsageError("--config, --out and configuration keys go with --checkpoint; a run has its own");
  if (data !== undefined) return;
  if (checkpoint !== undefined) throw new UsageError("--checkpoint needs --data FOLDER, a prepared data set");
  if (part !== "all" || mapClasses !== undefined) throw new UsageError("--part and --map-classes go with --data");
}

/** The run folder that the checkpoint becomes. */
async function imported({ data, checkpoint, config, out, set = {} }: EvaluateOptions, { command, log }: Session) {
  const { importCheckpoint, loadConfig, openDataset } = await import("@slicestack/pipeline");
  openDataset(data!); // what cannot be scored leaves no run behind
  const name = config === undefined ? "imported" : loadConfig({ file: config, overrides: set }).name;
  const { run, model } = importCheckpoint({
    checkpoint: checkpoint!,
    out: out ?? freeRunFolder(name, false),
    config,
    overrides: set,
    command,
  });
  log(`Imported ${model} into ${run}`);
  return run;
}

/** Commander's collector of `--map-classes theirs=ours`. */
function collectPair(text: string, previous: Record<string, string> = {}): Record<string, string> {
  const equals = text.lastIndexOf("=");
  if (equals < 1) throw new UsageError(`--map-classes: expected THEIRS=OURS, e.g. sick=CT-1, received ${text}`);
  return { ...previous, [text.slice(0, equals)]: text.slice(equals + 1) };
}
