import { existsSync } from "node:fs";
import { join } from "node:path";
import type { GroupResult, RunConfig, TrainResult, World } from "@slicestack/pipeline";
import { Option, type Command } from "commander";
import { EXIT, UsageError } from "../exit-codes.js";
import { collectOverride, PLAIN_KEYS } from "../overrides.js";
import { pathWord, shownPath } from "../shell.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";
import { parseCount, parseDuration, parseFold, parseProcesses } from "./numbers.js";
import { scoreText } from "./score-text.js";
import { addSlurmOptions, refuseWithoutSlurm, type SlurmFlags } from "./slurm-options.js";
import { launchTraining } from "./train-processes.js";
import { trainOnSlurm } from "./train-slurm.js";
import { configOf, targetOf, type TargetFlags } from "./train-target.js";

interface TrainOptions extends CommonOptions, TargetFlags, SlurmFlags {
  nodes?: number;
  config?: string;
  stage: "slice" | "volume" | "fine_tune" | "all";
  shuffleLabels?: boolean;
  set?: Record<string, string>;
  keepStates?: boolean;
  takeOver?: boolean;
  jobs?: number;
}

export function addTrain(program: Command, start: Start): void {
  const command = program
    .command("train")
    .description("train the stages of a configuration into a run folder, or a group of runs: folds, seeds")
    .option(
      "--config <file>",
      "configuration: YAML, structured or in the published flat form, or the name of a shipped one; auto: planned as by slicestack plan (default: auto)",
    )
    .option("--budget <time>", "with a plan: time that training may take, e.g. 1h, 90m", parseDuration)
    .option("--data <folder>", "prepared data set")
    .option("--out <folder>", "run or group folder (default: runs/NAME, with a number where that exists)")
    .addOption(
      new Option("--stage <stage>", "stage to train")
        .choices(["slice", "volume", "fine_tune", "all"])
        .default("all"),
    )
    .option(
      "--fold <number>",
      "a fold of slicestack split --folds, counted from 0; all: a group with a run for each",
      parseFold,
    )
    .option(
      "--seeds <number>",
      "a group with this many runs, with consecutive seeds starting at --seed",
      parseCount,
    )
    .option(
      "--jobs <number>",
      "of a group: most runs that train at the same time, each as a process (default: one after another in this process)",
      parseCount,
    )
    .option(
      "--procs <number>",
      "number of processes that train together on this machine, or on each node",
      parseProcesses,
    )
    .option("--nodes <number>", "with --on slurm: number of nodes that train together", parseProcesses)
    .option("--resume [folder]", "resume the run or group in a folder, with its own configuration and data")
    .option("--overwrite", "replace the run or group in the folder, once all checks have passed")
    .option(
      "--keep-states",
      "keep the training states of finished stages, which take three times the space of the weights",
    )
    .option(
      "--take-over",
      "take over the folder from a process on another machine that no longer runs, e.g. on a lost node",
    )
    .option(
      "--shuffle-labels",
      "control experiment: train with labels permuted between subjects; a correct pipeline then scores at chance level",
    )
    .option("--print-config", "print the complete configuration and stop; needs no data")
    .option("--set <key=value>", "override a configuration key (repeatable)", collectOverride);
  addSlurmOptions(command);
  addCommon(command, {
    example: "slicestack train --config configs/lidc_nodules.yaml --data data/lidc --slice.epochs 5",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.engine, EXIT.peer, EXIT.stopped],
    notes: `Configuration keys are flags, too: --slice.epochs 3, --head.model mean, --head.model.topk.k 8, ${PLAIN_KEYS.map((key) => `--${key}`).join(", ")}. With a published flat file, its keys are flags: --batch_size 32 --learning_rate 1e-3.\n\nUnder torchrun or srun every process runs this command, with --out.`,
  }).action((options: TrainOptions) =>
    start(options, (session) => {
      refuseWithoutSlurm(options);
      const isHere = options.on === undefined || options.printConfig === true;
      return isHere ? runTrain(options, session) : trainOnSlurm(options, session, command);
    }),
  );
}

async function runTrain(options: TrainOptions, session: Session): Promise<Outcome> {
  if (options.printConfig) {
    const { configToFile, configToYaml } = await import("@slicestack/pipeline/internal/configuration");
    const config = await configOf(options, session);
    return { code: EXIT.ok, text: configToYaml(config).trimEnd(), json: { config: configToFile(config) } };
  }
  const { resolveWorld, train, trainGroup, worldFromEnvironment } = await import("@slicestack/pipeline");
  const { endWithLauncher } = await import("@slicestack/pipeline/internal");
  const world = await resolveWorld(worldFromEnvironment(process.env));
  endWithLauncher();
  if (world.rank > 0) session.hush();
  const target = await targetOf(options, world, session);
  refuseJobs(options, target.isGroup);
  if (options.procs !== undefined && options.procs > 1 && world.starter !== "slicestack")
    return launchTraining(options.procs, target, world, options, session);

  const { config, data, out, resume } = target;
  session.onFailure(() =>
    existsSync(join(out, target.isGroup ? "group.json" : "run.json"))
      ? `What was saved is kept; afterwards, resume with: slicestack train --resume ${pathWord(out)}`
      : "Nothing was trained yet: run the same command again afterwards.",
  );
  const { onProgress, signal, command, log: onLog } = session;
  const { stage, fold, seeds, overwrite = false, keepStates = false, takeOver = false } = options;
  const onBegin = () => session.log(`${target.isGroup ? "Group" : "Run"}: ${out}`);
  const folder = { overwrite, keepStates, takeOver };
  const common = {
    config,
    data,
    out,
    stage,
    resume,
    world,
    onBegin,
    onProgress,
    onLog,
    signal,
    command,
    ...folder,
  };
  const { jobs } = options;
  const chosen = {
    ...(fold === undefined ? {} : { fold }),
    ...(seeds === undefined ? {} : { seeds }),
    ...(jobs === undefined ? {} : { jobs }),
  };
  const single = typeof fold === "number" ? { fold } : {};
  const result = target.isGroup
    ? await trainGroup({ ...common, ...chosen })
    : await train({ ...common, ...single });
  return outcomeOf(result, { options, config, world });
}

/** @throws UsageError where several runs cannot train at the same time */
function refuseJobs({ jobs, procs }: TrainOptions, isGroup: boolean): void {
  if (jobs === undefined) return;
  if (!isGroup)
    throw new UsageError("--jobs is for a group of runs: add --fold all or --seeds N, or omit it");
  if ((procs ?? 1) > 1)
    throw new UsageError("--jobs trains runs at the same time, --procs one run after another: omit one");
}

interface Summary {
  options: TrainOptions;
  config: RunConfig;
  world: World;
}

/** With several processes, only the first one prints the result. */
async function outcomeOf(
  result: TrainResult | GroupResult,
  { options, config, world }: Summary,
): Promise<Outcome> {
  const code = result.status === "stopped" ? EXIT.stopped : EXIT.ok;
  if (world.rank > 0) return { code, text: "", json: undefined };
  const folder = "group" in result ? result.group : result.run;
  if (result.status === "stopped") {
    const rest =
      (options.stage === "all" ? "" : ` --stage ${options.stage}`) +
      (options.procs === undefined ? "" : ` --procs ${options.procs}`) +
      (options.jobs === undefined ? "" : ` --jobs ${options.jobs}`) +
      (options.keepStates === true ? " --keep-states" : "");
    const note = `Stopped and saved. To resume: slicestack train --resume ${pathWord(folder)}${rest}`;
    return { code, text: "", json: result, note };
  }
  const { selectionsOf } = await import("@slicestack/pipeline/internal");
  const selections = selectionsOf(config);
  const words: ScoreWords = (stage, score) => {
    const { name, label } = selections[stage] ?? { name: "", label: "" };
    return scoreText(label, name, score);
  };
  const lines = "group" in result ? groupLines(result, words) : runLines(result, words);
  const text = [...lines, nextLine(folder, options, config)].join("\n");
  return { code, text, json: result };
}

/** "macro F1 0.899": the metric by which the epoch of a stage was chosen, and its value. */
type ScoreWords = (stage: string, score: number) => string;

function runLines({ run, best }: TrainResult, words: ScoreWords): string[] {
  const scores = Object.entries(best).map(
    ([name, score]) => `${`${STAGE_NAMES[name] ?? name}:`.padEnd(14)} best on val: ${words(name, score)}`,
  );
  return [...scores, `Run: ${shownPath(run)}`];
}

function groupLines({ group, members }: GroupResult, words: ScoreWords): string[] {
  const width = Math.max(...members.map(({ name }) => name.length));
  const lines = members.map(({ name, best }) => {
    const scores = Object.entries(best ?? {}).map(
      ([stage, score]) => `${STAGE_NAMES[stage] ?? stage} ${words(stage, score)}`,
    );
    const summary = best === null ? "was trained before" : `best on val: ${scores.join(", ")}`;
    return `${name.padEnd(width)}  ${summary}`;
  });
  return [...lines, `Group: ${shownPath(group)}`];
}

/** After the slice stage alone, 2.5D still needs the volume stage. */
function nextLine(folder: string, { stage }: TrainOptions, { method }: RunConfig): string {
  return stage === "slice" && method === "2.5d"
    ? `Next: slicestack train --resume ${pathWord(folder)} --stage volume`
    : `Next: slicestack evaluate ${pathWord(folder)}`;
}

const STAGE_NAMES: Record<string, string> = {
  slice: "Slice stage",
  volume: "Volume stage",
  fine_tune: "Fine-tuning",
};
