/**
 * A trained model: that of a run, of every member of a group, or of a bundle. It consists of the contract, the results
 * that an evaluation fitted, and the location of the weights, and does not need its data set. Plain values, because
 * they cross threads.
 */
import { rmSync } from "node:fs";
import { CheckpointError } from "@slicestack/torch/safetensors";
import type { StageName } from "../config/stages.js";
import { fileHashSync } from "../data/hash.js";
import type { Decision } from "../models/decision.js";
import { loadWeights } from "../models/load-weights.js";
import type { ModelSpec } from "../models/spec.js";
import { loadBest, type WeightsOwner } from "../predict/load-trained.js";
import { checkRecorded } from "../weights/recorded-hash.js";
import type { LoadStage } from "../predict/open-model.js";

/** One model and its weights. */
export interface TrainedMember {
  /** The run folder, or the bundle and the number of the model in it; for messages. */
  source: string;
  spec: ModelSpec;
  /** null if it has not been evaluated. */
  decision: Decision | null;
  stages: StageName[];
  /** The precision of its training: auto, float32 or bfloat16. */
  precision: "auto" | "float32" | "bfloat16";
  /** The weights file of each stage, with the hash that it must have if it is from a bundle. */
  weights: Partial<Record<StageName, { file: string; sha256: string | null }>>;
  /** What the run records about its weights; null for a bundle, whose hashes are stricter. */
  owner: WeightsOwner | null;
}

/**
 * Probabilities are averaged over models that see the same scans and know the same classes.
 * @returns the index of the first that differs from model 0 in classes or preparation; -1 if none does
 */
export function indexOfUnlike(specs: readonly ModelSpec[]): number {
  const facts = ({ classes, prepared }: ModelSpec) =>
    JSON.stringify([classes, prepared.recipe, prepared.unit]);
  return specs.findIndex((spec) => facts(spec) !== facts(specs[0]!));
}

export interface TrainedModel {
  /** The folder of the run or group, or the file of the bundle. */
  path: string;
  name: string;
  /** One model for a run; the probabilities of a group's models are averaged. */
  members: TrainedMember[];
  /** What a bundle says besides its models; null for a run or a group. */
  bundle: { licence: string; metrics: string | null } | null;
}

/**
 * SHA-256 of the weights of a stage as they are on disk.
 * @throws CheckpointError if they are not those that the run or the bundle recorded
 */
export function hashOfWeights({ weights }: TrainedMember, stage: StageName): string {
  const { file, sha256 } = weights[stage]!;
  const hash = fileHashSync(file);
  checkRecorded(file, hash);
  if (sha256 !== null && sha256 !== hash) throw damagedCopy(file, hash, sha256);
  return hash;
}

/** Loads the weights of a member, and checks the split and slice model of a run, or the hashes of a bundle. */
export const loaderOf =
  (member: TrainedMember): LoadStage =>
  (stage, model, sliceModel) => {
    const { file, sha256 } = member.weights[stage]!;
    if (member.owner !== null) return loadBest(member.owner, member.source, { stage, model, sliceModel });
    const loaded = loadWeights(model, file);
    if (sha256 === null || loaded.hash === sha256) return loaded;
    throw damagedCopy(file, loaded.hash, sha256);
  };

/** Removes the copy, so that the next command unpacks it again. */
function damagedCopy(file: string, hash: string, listed: string): CheckpointError {
  rmSync(file, { force: true });
  return new CheckpointError(
    file,
    `has SHA-256 ${hash.slice(0, 12)}…, but its bundle lists ${listed.slice(0, 12)}…; the copy in the cache was damaged`,
    "The copy was removed; run the same command again to unpack it from the bundle.",
  );
}
