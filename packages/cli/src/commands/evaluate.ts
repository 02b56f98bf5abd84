import { basename, extname, join } from "node:path";
import type { EvaluateEnsembleOptions } from "@slicestack/pipeline";
import { Option, type Command } from "commander";
import { EXIT, UsageError } from "../exit-codes.js";
import { collectOverride } from "../overrides.js";
import { freeRunFolder } from "../run-folder.js";
import { collectPair } from "./class-pairs.js";
import { pathWord, shownPath } from "../shell.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";

interface EvaluateOptions extends CommonOptions {
  data?: string;
  protocol: "clean" | "paper";
  subgroup?: string[];
  baseline?: string[];
  images: boolean;
  part?: "all" | "train" | "val" | "test";
  mapClasses?: Record<string, string>;
  checkpoint?: string;
  config?: string;
  out?: string;
  set?: Record<string, string>;
  allowPlugins?: boolean;
}

const collect = (text: string, before: string[] = []) => [...before, text];

export function addEvaluate(program: Command, start: Start): void {
  const command = program
    .command("evaluate")
    .description(
      "score a run, a group of runs and their ensemble, or a foreign checkpoint, and write the report",
    )
    .argument(
      "[run]",
      "run or group folder, or file of a bundle, which is imported into --out first and needs --data; of several models, their mean is scored",
    )
    .option(
      "--data <folder>",
      "another prepared data set: external validation (default: the run's own test part)",
    )
    .addOption(
      new Option("--part <part>", "part of that data set's split")
        .choices(["all", "train", "val", "test"])
        .default("all"),
    )
    .option(
      "--map-classes <theirs=ours>",
      "maps a class of that data set to a class of the task; repeatable",
      collectPair,
    )
    .option(
      "--checkpoint <file>",
      "a checkpoint in place of a run: imported into --out first (see slicestack import)",
    )
    .option("--config <file>", "with --checkpoint: its configuration, in structured or published form")
    .option(
      "--out <folder>",
      "with --checkpoint or a bundle: the run folder to create (default: runs/NAME, which the same bundle reuses)",
    )
    .option("--allow-plugins", "run the plug-ins in a bundle with your permissions")
    .option(
      "--set <key=value>",
      "with --checkpoint: override a configuration key (repeatable)",
      collectOverride,
    )
    .addOption(
      new Option(
        "--protocol <name>",
        "clean: chosen on val, scored on test. paper: chosen and scored on val, as published; test stays unread",
      )
        .choices(["clean", "paper"])
        .default("clean"),
    )
    .option(
      "--subgroup <column>",
      "column of subjects.csv whose groups are scored separately (repeatable; default: site, scanner, sex, age and the like)",
      collect,
    )
    .option("--baseline <column>", "numeric column for a baseline without slices (repeatable)", collect)
    .option("--no-images", "leave pictures of scans out of the report");
  addCommon(command, {
    example:
      "slicestack evaluate runs/lidc_nodules\n" +
      "slicestack evaluate --config attn.yaml --checkpoint best_model.pth --data data/mosmed",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.engine, EXIT.stopped],
    notes:
      "Each evaluation on the run's own test part is recorded in its ledger, test-reads.jsonl, and shown in the report.",
  }).action((run: string | undefined, options: EvaluateOptions) =>
    start(options, (session) => runEvaluate(run, options, session)),
  );
}

async function runEvaluate(
  given: string | undefined,
  options: EvaluateOptions,
  session: Session,
): Promise<Outcome> {
  const { evaluate, evaluateGroup, holdsBundle, isGroup, modelsInBundle } =
    await import("@slicestack/pipeline");
  const isBundle = given !== undefined && (await holdsBundle(given));
  checkOptions(given, isBundle, options);
  session.onFailure(() => "The run is complete; run the same command again afterwards.");
  const { data, part = "all", mapClasses = {}, protocol, subgroup, baseline, images } = options;
  if (protocol === "paper" && data !== undefined)
    throw new UsageError("--protocol paper scores the run's own val part; it cannot be combined with --data");
  const { onProgress, signal, command } = session;
  const run = given ?? (await imported(options, session));
  const shared = {
    images,
    ...(data === undefined ? {} : { data, part, mapClasses }),
    ...(subgroup === undefined ? {} : { subgroups: subgroup }),
    ...(baseline === undefined ? {} : { baseline }),
    onProgress,
    signal,
    command,
  };
  if (isGroup(run)) {
    if (protocol === "paper")
      throw new UsageError(
        "--protocol paper does not apply to a group; the published protocol is for a single training. " +
          `Score a member: slicestack evaluate ${pathWord(await firstMember(run))} --protocol paper`,
      );
    const { table, ...json } = await evaluateGroup({ group: run, ...shared });
    return { code: EXIT.ok, text: `${table}\nReport: ${shownPath(json.report)}`, json };
  }
  const { allowPlugins = false } = options;
  if (isBundle && (await modelsInBundle(run)) > 1)
    return evaluateModels(run, options, { ...shared, allowPlugins });
  const into = isBundle ? { out: options.out ?? (await folderOfBundle(run)), allowPlugins } : {};
  const result = await evaluate({ run, protocol, ...into, ...shared });
  const { report, metrics, cost } = result;
  return {
    code: EXIT.ok,
    text: `${result.table}\nReport: ${shownPath(report)}`,
    json: { run: result.run, report, metrics, cost },
  };
}

/** The models of a bundle and their mean. */
async function evaluateModels(
  bundle: string,
  { out, data }: EvaluateOptions,
  shared: Omit<EvaluateEnsembleOptions, "bundle" | "data" | "out">,
): Promise<Outcome> {
  const { evaluateEnsemble } = await import("@slicestack/pipeline");
  const into = out ?? (await folderOfBundle(bundle));
  const { table, ...json } = await evaluateEnsemble({ ...shared, bundle, data: data!, out: into });
  return { code: EXIT.ok, text: `${table}\nReport: ${shownPath(json.report)}`, json };
}

/** runs/NAME if it is free or was made of the same bundle, else another. */
async function folderOfBundle(file: string): Promise<string> {
  const { isImportOf } = await import("@slicestack/pipeline");
  const name = basename(file, extname(file));
  const folders = [join("runs", name), join("runs", name, "model0")];
  return freeRunFolder(
    name,
    folders.some((folder) => isImportOf(folder, file)),
  );
}

async function firstMember(group: string): Promise<string> {
  const { readGroup } = await import("@slicestack/pipeline");
  return join(group, readGroup(group).members[0]!.name);
}

function checkOptions(
  run: string | undefined,
  isBundle: boolean,
  { data, part, mapClasses, checkpoint, config, out, set, allowPlugins }: EvaluateOptions,
): void {
  if (run === undefined && checkpoint === undefined)
    throw new UsageError("evaluate needs a run folder, or --checkpoint FILE with --data FOLDER");
  if (run !== undefined && checkpoint !== undefined)
    throw new UsageError(
      `evaluate takes a run or a checkpoint; received ${run} and --checkpoint ${checkpoint}`,
    );
  if (run !== undefined && (config ?? (isBundle ? undefined : out) ?? set) !== undefined)
    throw new UsageError(
      `--config, --out and configuration keys go with --checkpoint; a ${isBundle ? "bundle has its own, apart from --out" : "run has its own"}`,
    );
  if (allowPlugins === true && !isBundle)
    throw new UsageError("--allow-plugins goes with a bundle; plug-ins of a run are your own and always run");
  if (data !== undefined) return;
  if (isBundle) throw new UsageError("a bundle has no data set: name a prepared one with --data FOLDER");
  if (checkpoint !== undefined) throw new UsageError("--checkpoint needs --data FOLDER, a prepared data set");
  if (part !== "all" || mapClasses !== undefined)
    throw new UsageError("--part and --map-classes go with --data");
}

/** Imports the checkpoint. @returns its run folder */
async function imported(
  { data, checkpoint, config, out, set = {} }: EvaluateOptions,
  { command, log }: Session,
) {
  const { importCheckpoint, loadConfig, openDataset } = await import("@slicestack/pipeline");
  openDataset(data!); // a checkpoint that cannot be scored leaves no run behind
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
