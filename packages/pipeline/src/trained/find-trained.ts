/** Finds what is in a folder or a file that a user names as a model. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathWord } from "../command-line.js";
import { stagesOf } from "../config/stages.js";
import { readDecision } from "../models/decision.js";
import { readSpec } from "../models/spec-file.js";
import { readRecord, readRunConfig, RunError, runPaths } from "../run/folder.js";
import { groupPaths, isGroup, readGroup } from "../run/group.js";
import { isBundle, openBundle } from "./open-bundle.js";
import type { TrainedMember, TrainedModel } from "./trained-model.js";

export interface FindTrainedOptions {
  /** Whether the plug-ins in a bundle may run. Those of a run are your own. */
  allowPlugins?: boolean;
}

/**
 * @param path folder of a run or a group, or file of a bundle
 * @throws RunError if it is none of these, or is not trained   @throws BundleError, ConfigError
 */
export async function findTrained(path: string, options: FindTrainedOptions = {}): Promise<TrainedModel> {
  if (isBundle(path)) return openBundle(path, options);
  if (!isGroup(path)) {
    const member = memberOf(path);
    return { path: resolve(path), name: member.spec.name, members: [member] };
  }
  const members = readGroup(path).members.map((member) => memberOf(groupPaths(path).member(member)));
  checkAlike(path, members);
  return { path: resolve(path), name: members[0]!.spec.name, members };
}

function memberOf(run: string): TrainedMember {
  const record = readRecord(run);
  const config = readRunConfig(run);
  const spec = readSpec(run);
  if (spec === null)
    throw new RunError(
      runPaths(run).model,
      "not found: an early version trained this run, or it is an imported checkpoint, and did not keep what its model expects",
      `Train it again, or score it on a prepared data set: slicestack evaluate ${pathWord(run)}.`,
    );
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
    owner: { split: { hash: record.splitHash }, record: { environment: record.environment } },
  };
}

/** Members of a group see the same scans and know the same classes; only their weights differ. */
function checkAlike(group: string, members: readonly TrainedMember[]): void {
  const facts = ({ spec: { classes, prepared } }: TrainedMember) =>
    JSON.stringify([classes, prepared.recipe, prepared.unit]);
  const other = members.find((member) => facts(member) !== facts(members[0]!));
  if (other === undefined) return;
  const remedy = "Predict with one of its members.";
  throw new RunError(group, `its members differ in classes or preparation (${other.source})`, remedy);
}
