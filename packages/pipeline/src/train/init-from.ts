/** `init_from`: the weights of another run, of an imported checkpoint or of a bundle from which a stage starts. */
import { existsSync } from "node:fs";
import { pathWord } from "../command-line.js";
import { stagesOf, type StageName } from "../config/stages.js";
import type { RunConfig } from "../config/types.js";
import { readRunConfig, RunError, runPaths } from "../run/folder.js";
import { findTrained, oneMember } from "../trained/find-trained.js";
import { holdsBundle } from "../trained/is-bundle.js";
import { hashOfWeights } from "../trained/member-weights.js";

/** The model of init_from. Plain values, because they cross threads. */
export interface InitModel {
  path: string;
  method: RunConfig["method"];
  /** The trunk; in 3D, the network. */
  model: string;
  /** null unless the method is 2.5d. */
  head: string | null;
  stages: StageName[];
  /** The weights of each stage; the file of an untrained one does not exist. */
  files: Partial<Record<StageName, string>>;
}

export interface Source {
  file: string;
  /** The prefix of the names in the file, if the model is part of another one there. */
  prefix: string;
}

/**
 * Opens what init_from names; the weights of a bundle are unpacked. Its plug-ins do not run: only weights are read.
 * @returns null without init_from   @throws RunError if it is not a run; BundleError, CheckpointError
 */
export async function initModelOf({ initFrom }: RunConfig): Promise<InitModel | null> {
  if (initFrom === null) return null;
  return (await holdsBundle(initFrom)) ? bundledModel(initFrom) : modelOfRun(initFrom);
}

/** The model of a run folder. @throws RunError if the folder is not a run */
export function modelOfRun(run: string): InitModel {
  const config = readRunConfig(run);
  const stages = stagesOf(config);
  return {
    path: run,
    ...namesOf(config),
    stages,
    files: Object.fromEntries(stages.map((stage) => [stage, runPaths(run).best(stage)])),
  };
}

async function bundledModel(path: string): Promise<InitModel> {
  const trained = await findTrained(path, { allowPlugins: true });
  const remedy =
    "Import one of them, slicestack import BUNDLE RUN --member 0, and set init_from to that run.";
  const member = oneMember(trained, undefined, remedy);
  const { spec, stages, weights } = member;
  for (const stage of stages) hashOfWeights(member, stage);
  return {
    path,
    method: spec.method,
    model: spec.method === "3d" ? spec.network.name : spec.trunk.name,
    head: spec.method === "2.5d" ? spec.head.name : null,
    stages,
    files: Object.fromEntries(stages.map((stage) => [stage, weights[stage]!.file])),
  };
}

const namesOf = (config: RunConfig) => ({
  method: config.method,
  model: config.method === "3d" ? config.network.model.name : config.slice.model.name,
  head: config.method === "2.5d" ? config.head.model.name : null,
});

/**
 * The file of that model for a stage; null if it does not have this head, which then starts from random weights.
 * @throws RunError if it is not trained, or has other models
 */
export function initSource(config: RunConfig, init: InitModel, stage: StageName): Source | null {
  const { path, stages, files } = init;
  const ours = namesOf(config);
  if ((init.method === "3d") !== (ours.method === "3d") || init.model !== ours.model)
    throw new RunError(
      path,
      `is a run of ${init.model} (${init.method}), this one is of ${ours.model} (${ours.method})`,
      "Set init_from to a run of the same model; its classes may differ.",
    );
  if (stage === "volume" && ours.method === "2.5d" && init.head !== ours.head) return null;
  const isTuned = stages.includes("fine_tune");
  const from = isTuned ? "fine_tune" : stage;
  const file = files[from];
  if (file !== undefined && existsSync(file))
    return { file, prefix: !isTuned ? "" : stage === "slice" ? "trunk." : "head." };
  throw new RunError(
    path,
    `its ${from} stage is not trained`,
    `To continue: slicestack train --resume ${pathWord(path)}`,
  );
}

/** Checks before a run begins what its stages would refuse. @throws RunError, ConfigError */
export function checkInitFrom(config: RunConfig, init: InitModel | null): void {
  if (init === null) return;
  for (const stage of stagesOf(config)) if (stage !== "fine_tune") initSource(config, init, stage);
}
