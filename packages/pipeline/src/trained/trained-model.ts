/**
 * A trained model: that of a run, of every member of a group, or of a bundle. It consists of the contract, the results
 * that an evaluation fitted, and the location of the weights, and does not need its data set. Plain values, because
 * they cross threads.
 */
import type { StageName } from "../config/stages.js";
import type { Decision } from "../models/decision.js";
import type { ModelSpec } from "../models/spec.js";
import type { WeightsOwner } from "../predict/load-trained.js";

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
