/** Turns a checkpoint from elsewhere into a run folder, which can be evaluated like one that was trained here. */
import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import { noGrad, scope, type Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { makeFolder } from "../data/make-folder.js";
import type { StageName } from "../config/stages.js";
import type { RunConfig, RunConfigOf } from "../config/types.js";
import { claimFolder, refuseForeign } from "../data/owned-folder.js";
import { modelText } from "../models/describe-weights.js";
import { checkRecorded, writeRecorded } from "../weights/recorded-hash.js";
import { readWeights } from "../weights/weights.js";
import { loadInto } from "../models/load-weights.js";
import { createHeadFor, createSliceModel, createVolumeModel } from "../models/create-by-name.js";
import type { SliceModel } from "../models/trunks/slice-model.js";
import { RunError, runPaths } from "../run/folder.js";
import { writeImportedRun } from "../run/imported-run.js";
import { recognise, type Recognised } from "../models/recognise.js";
import { settingsOf, type Given, type Settings } from "../models/imported-settings.js";

export interface ImportOptions extends Given {
  /** safetensors, .pth or .pt: of the published code, of torchvision's ResNets, or of a run. No code in it is executed. */
  checkpoint: string;
  /** The run folder, which is created here. */
  out: string;
  /** The command that the report shows. */
  command?: string;
}

export interface ImportResult {
  /** The run folder. */
  run: string;
  /** A description of the file. */
  model: string;
  classes: number;
  /** Choices that were made, in sentences for the user. */
  notes: string[];
}

/**
 * Nothing is written unless the whole checkpoint fits.
 * @throws CheckpointError (damaged, an unknown model, a model other than the configured one, missing or unexpected names),
 * ConfigError, ModelError (a size that does not fit), RunError (`out` is a run), FolderError (it holds something else), LibtorchNotFoundError
 */
export function importCheckpoint(options: ImportOptions): ImportResult {
  const { checkpoint, out, command = "importCheckpoint() of @slicestack/pipeline" } = options;
  const run = resolve(out);
  if (existsSync(runPaths(run).record))
    throw new RunError(run, "already holds a run", "Choose another folder.");
  refuseForeign(run, "run");
  return scope(() => {
    const { tensors, hash, notes: readNotes } = readWeights(checkpoint);
    checkRecorded(checkpoint, hash);
    const recognised = recognise(checkpoint, tensors);
    const settings = settingsOf(checkpoint, recognised, options);
    const stages = loadedStages(checkpoint, recognised, settings);
    const { config, classes } = settings;
    const [file, model] = [basename(checkpoint), modelText(recognised.guess)];
    const notes = [...readNotes, ...recognised.notes, ...settings.notes];
    claimFolder(run, "run");
    for (const [stage, state] of stages) {
      makeFolder(runPaths(run).checkpoints(stage));
      writeRecorded(runPaths(run).best(stage), state, { imported: file, sha256: hash });
    }
    writeImportedRun(run, {
      config,
      command,
      classes: config.task.classNames ?? Array.from({ length: classes }, (_, k) => String(k)),
      from: "checkpoint",
      imported: { file, sha256: hash, model, classes, votes: recognised.votes, notes },
    });
    return { run, model, classes, notes };
  });
}

/** The weights of each stage, with the names and types of the models that they were loaded into. */
function loadedStages(
  file: string,
  recognised: Recognised,
  settings: Settings,
): Map<StageName, Map<string, Tensor>> {
  const { config, classes } = settings;
  const stages = new Map<StageName, Map<string, Tensor>>();
  const load = (stage: StageName, model: Module, tensors: ReadonlyMap<string, Tensor>) => {
    loadInto(model, tensors, file, `The configuration expects ${wanted(config)}.`);
    stages.set(
      stage,
      new Map([...model.stateDict()].map(([name, tensor]) => [name, noGrad(() => tensor.clone())])),
    );
  };
  if (config.method === "3d") {
    using model = createVolumeModel(config.network, classes, config.network.size!);
    load("volume", model, recognised.volume!);
    return stages;
  }
  using slice = sliceModel(config, classes);
  load("slice", slice, recognised.slice!);
  if (config.method === "2d") return stages;
  using head = createHeadFor(config.head, slice, { slices: config.head.slices ?? 1, classes });
  load("volume", head, recognised.volume!);
  return stages;
}

function sliceModel({ slice, transform }: RunConfigOf<"2d" | "2.5d">, classes: number): SliceModel {
  const channels = (transform.windows?.length ?? 1) * transform.neighbours;
  return createSliceModel({ ...slice, ...(channels === 1 ? {} : { channels }) }, classes, slice.size!);
}

function wanted(config: RunConfig): string {
  if (config.method === "3d") return `${config.network.model.name} on ${config.network.size!.join(" x ")}`;
  const trunk = `${config.slice.model.name} on slices of ${config.slice.size!.join(" x ")}`;
  return config.method === "2d" ? trunk : `${trunk} with the head ${config.head.model.name}`;
}
