/** `init_from`: the weights of another run, a group, an imported checkpoint or a bundle, from which a stage starts. */
import { existsSync } from "node:fs";
import { pathWord } from "../command-line.js";
import { stagesOf, type StageName } from "../config/stages.js";
import type { RunConfig } from "../config/types.js";
import { readRecord, readRunConfig, RunError, runPaths } from "../run/folder.js";
import { groupPaths, isGroup, readGroup } from "../run/group.js";
import { findTrained } from "../trained/find-trained.js";
import { holdsBundle } from "../trained/is-bundle.js";
import { hashOfWeights } from "../trained/member-weights.js";

/** The model of init_from. Plain values, because they cross threads. */
export interface InitModel {
  path: string;
  /** "model 1" of several; null for a single one. */
  name: string | null;
  /** Hash of the split that it was trained on; null if it is not known. */
  split: string | null;
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
 * @returns one, or those of a group or of a bundle of several; null without init_from
 * @throws RunError if it is not a run; BundleError, CheckpointError
 */
export async function initModelsOf({ initFrom }: RunConfig): Promise<InitModel[] | null> {
  if (initFrom === null) return null;
  if (await holdsBundle(initFrom)) return bundledModels(initFrom);
  if (!isGroup(initFrom)) return [modelOfRun(initFrom)];
  const { members } = readGroup(initFrom);
  return members.map((member) => ({
    ...modelOfRun(groupPaths(initFrom).member(member)),
    name: member.name,
  }));
}

/**
 * The model to start from. Of several, one that was trained on this very split, so that no weights have seen the test set;
 * otherwise one with the same trunk or network. Among these, one with the same head comes first.
 */
export function initModelFor(
  models: readonly InitModel[],
  config: RunConfig,
  split: string | null,
): InitModel {
  const { method, model, head } = namesOf(config);
  const alike = models
    .filter((one) => one.model === model && (one.method === "3d") === (method === "3d"))
    .toSorted((a, b) => Number(b.head === head) - Number(a.head === head));
  return alike.find((one) => split !== null && one.split === split) ?? alike[0] ?? models[0]!;
}

/** The model of a run folder. @throws RunError if the folder is not a run */
export function modelOfRun(run: string): InitModel {
  const config = readRunConfig(run);
  const stages = stagesOf(config);
  return {
    path: run,
    name: null,
    split: readRecord(run).splitHash,
    ...namesOf(config),
    stages,
    files: Object.fromEntries(stages.map((stage) => [stage, runPaths(run).best(stage)])),
  };
}

async function bundledModels(path: string): Promise<InitModel[]> {
  const { members } = await findTrained(path, { allowPlugins: true });
  return members.map((member, k) => {
    const { spec, stages, weights } = member;
    for (const stage of stages) hashOfWeights(member, stage);
    return {
      path,
      name: members.length > 1 ? `model ${k}` : null,
      split: spec.trainedOn?.split ?? null,
      method: spec.method,
      model: spec.method === "3d" ? spec.network.name : spec.trunk.name,
      head: spec.method === "2.5d" ? spec.head.name : null,
      stages,
      files: Object.fromEntries(stages.map((stage) => [stage, weights[stage]!.file])),
    };
  });
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
export function checkInitFrom(config: RunConfig, models: readonly InitModel[] | null): void {
  if (models === null) return;
  const init = initModelFor(models, config, null);
  for (const stage of stagesOf(config)) if (stage !== "fine_tune") initSource(config, init, stage);
}
