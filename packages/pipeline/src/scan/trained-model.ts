/**
 * What predicts: the model of a run, or of every member of a group. Its contract, what evaluation learned about it, and where
 * its weights are; nothing of its data set is needed. Plain values, because they cross threads.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathWord } from "../command-line.js";
import { stagesOf, type StageName } from "../config/stages.js";
import { readDecision, type Decision } from "../models/decision.js";
import { readSpec } from "../models/spec-file.js";
import type { ModelSpec } from "../models/spec.js";
import { loadBest } from "../predict/load-trained.js";
import type { LoadStage } from "../predict/open-model.js";
import { readRecord, readRunConfig, RunError, runPaths } from "../run/folder.js";
import { groupPaths, isGroup, readGroup } from "../run/group.js";

/** One model and its weights. */
export interface TrainedMember {
  /** Run folder. */
  run: string;
  spec: ModelSpec;
  /** null: not evaluated yet. */
  decision: Decision | null;
  stages: StageName[];
  /** As the run was trained: auto, float32 or bfloat16. */
  precision: "auto" | "float32" | "bfloat16";
}

export interface TrainedModel {
  /** Folder of the run or the group. */
  path: string;
  name: string;
  /** One for a run; those of a group are averaged. */
  members: TrainedMember[];
}

/** @throws RunError where the folder is neither a run nor a group, or is not trained   @throws ConfigError */
export function findTrained(path: string): TrainedModel {
  if (!isGroup(path)) {
    const member = memberOf(path);
    return { path: resolve(path), name: member.spec.name, members: [member] };
  }
  const members = readGroup(path).members.map((member) => memberOf(groupPaths(path).member(member)));
  checkAlike(path, members);
  return { path: resolve(path), name: members[0]!.spec.name, members };
}

function memberOf(run: string): TrainedMember {
  readRecord(run);
  const config = readRunConfig(run);
  const spec = readSpec(run);
  if (spec === null)
    throw new RunError(
      runPaths(run).model,
      "not found: an early version trained this run, or it is an imported checkpoint, and did not keep what its model expects",
      `Train it again, or score it on a prepared data set: slicestack evaluate ${pathWord(run)}.`,
    );
  const stages = stagesOf(config);
  for (const stage of stages) {
    const file = runPaths(run).best(stage);
    if (existsSync(file)) continue;
    const remedy = `Continue with: slicestack train --resume ${pathWord(run)}`;
    throw new RunError(file, `not found: the ${stage} stage is not trained`, remedy);
  }
  return {
    run: resolve(run),
    spec,
    decision: readDecision(runPaths(run).decision),
    stages,
    precision: config.precision,
  };
}

/** Members of a group see the same scans and know the same classes; only their weights differ. */
function checkAlike(group: string, members: readonly TrainedMember[]): void {
  const facts = ({ spec: { classes, prepared } }: TrainedMember) =>
    JSON.stringify([classes, prepared.recipe, prepared.unit]);
  const other = members.find((member) => facts(member) !== facts(members[0]!));
  if (other === undefined) return;
  const remedy = "Predict with one of its members.";
  throw new RunError(join(group), `its members differ in classes or preparation (${other.run})`, remedy);
}

/** The weights of a member, which must be of its own split and slice model. */
export function loaderOf(member: Pick<TrainedMember, "run">): LoadStage {
  const record = readRecord(member.run);
  const owner = { split: { hash: record.splitHash }, record };
  return (stage, model, sliceModel) => loadBest(owner, member.run, { stage, model, sliceModel });
}
