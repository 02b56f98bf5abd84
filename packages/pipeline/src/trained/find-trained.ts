/** Finds the trained model in a folder or file that a user names. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { RangeOfParameterError } from "@slicestack/stats/internal/applied";
import { pathWord } from "../command-line.js";
import { stagesOf } from "../config/stages.js";
import "../models/catalogue.js";
import { readDecision } from "../models/decision.js";
import { readSpec, specOfRun } from "../models/spec-file.js";
import type { ModelSpec } from "../models/spec.js";
import { readRecord, readRunConfig, RunError, runPaths, type RunRecord } from "../run/folder.js";
import { groupPaths, isGroup, readGroup } from "../run/group.js";
import { openRun } from "../run/open-run.js";
import { isBundle } from "./is-bundle.js";
import { indexOfUnlike, type TrainedMember, type TrainedModel } from "./trained-model.js";

export interface FindTrainedOptions {
  /** Whether the plug-ins in a bundle may run. Plug-ins of a run are the user's own and always run. */
  allowPlugins?: boolean;
}

/**
 * @param path folder of a run or a group, or file of a bundle
 * @throws RunError if it is none of these, or is not trained   @throws BundleError, ConfigError
 */
export async function findTrained(path: string, options: FindTrainedOptions = {}): Promise<TrainedModel> {
  if (isBundle(path)) return (await import("./open-bundle.js")).openBundle(path, options);
  if (!isGroup(path)) {
    const member = memberOf(path);
    return { path: resolve(path), name: member.spec.name, members: [member], bundle: null };
  }
  const members = readGroup(path).members.map((member) => memberOf(groupPaths(path).member(member)));
  checkAlike(path, members);
  return { path: resolve(path), name: members[0]!.spec.name, members, bundle: null };
}

/**
 * Several trained models as one, whose members are those of all: their probabilities are averaged.
 * @throws the errors of findTrained   @throws RunError if one has other classes or another preparation than the first
 */
export async function findEnsemble(
  paths: readonly string[],
  options: FindTrainedOptions = {},
): Promise<TrainedModel> {
  const found: TrainedModel[] = [];
  for (const path of paths) found.push(await findTrained(path, options));
  const [first, ...others] = found;
  if (first === undefined) throw new RangeOfParameterError("model", "at least one trained model", "none");
  if (others.length === 0) return first;
  const members = found.flatMap((one) => one.members);
  checkAlike(first.path, members);
  // The name of one of them would be that of another model.
  const name = [...new Set(found.map((one) => one.name))].join(" + ");
  return { ...first, name, members, bundle: null };
}

const memberOf = (run: string): TrainedMember => memberOfRun(run, (record) => specOf(run, record));

/** The trained model of a run. @param specOf its contract   @throws RunError if a stage is not trained */
export function memberOfRun(run: string, specOf: (record: RunRecord) => ModelSpec): TrainedMember {
  const record = readRecord(run);
  const config = readRunConfig(run);
  const spec = specOf(record);
  const stages = stagesOf(config);
  const weights: TrainedMember["weights"] = {};
  for (const stage of stages) {
    const file = runPaths(run).best(stage);
    if (!existsSync(file))
      throw new RunError(
        file,
        `not found: the ${stage} stage is not trained`,
        `Continue with: slicestack train --resume ${pathWord(run)}`,
      );
    weights[stage] = { file, sha256: null };
  }
  return {
    source: resolve(run),
    spec,
    decision: readDecision(runPaths(run).decision),
    stages,
    precision: config.precision,
    weights,
    owner: { split: { hash: record.splitHash }, record },
  };
}

/** Early versions did not record it: the training data then say what the model expects. */
function specOf(run: string, record: RunRecord): ModelSpec {
  const spec = readSpec(run);
  if (spec !== null) return spec;
  if (record.dataset !== null) return specOfRun(run, openRun(run));
  throw new RunError(
    runPaths(run).model,
    "not found: the run was imported from a checkpoint, which does not say how scans were prepared for it",
    `Evaluate it on a prepared data set: slicestack evaluate ${pathWord(run)} --data DATA.`,
  );
}

/** Checks that the members of a group have the same preparation and classes, so that only their weights differ. */
function checkAlike(group: string, members: readonly TrainedMember[]): void {
  const other = members[indexOfUnlike(members.map(({ spec }) => spec))];
  if (other === undefined) return;
  const remedy = "Predict with one of its members.";
  throw new RunError(group, `its members differ in classes or preparation (${other.source})`, remedy);
}

/**
 * The model to use where there can be only one.
 * @param index of a model of a bundle or a group, from 0; undefined where it must have a single one
 * @param remedy what to do where it has several
 * @throws RunError
 */
export function oneMember(
  { path, members }: TrainedModel,
  index: number | undefined,
  remedy: string,
): TrainedMember {
  const member = members[index ?? 0];
  if (member === undefined)
    throw new RunError(path, `has no model ${index}; it has ${members.length}`, remedy);
  if (index === undefined && members.length > 1)
    throw new RunError(path, `has ${members.length} models`, remedy);
  return member;
}
