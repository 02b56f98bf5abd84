/**
 * What predicts: the model of a run, of every member of a group, or of a bundle. Its contract, what evaluation learned about
 * it, and where its weights are; nothing of its data set is needed. Plain values, because they cross threads.
 */
import { rmSync } from "node:fs";
import { CheckpointError } from "@slicestack/torch/safetensors";
import type { StageName } from "../config/stages.js";
import type { Decision } from "../models/decision.js";
import { loadWeights } from "../models/load-weights.js";
import type { ModelSpec } from "../models/spec.js";
import { loadBest, type WeightsOwner } from "../predict/load-trained.js";
import type { LoadStage } from "../predict/open-model.js";

/** One model and its weights. */
export interface TrainedMember {
  /** Run folder, or the bundle and the number of the model in it; for messages. */
  source: string;
  spec: ModelSpec;
  /** null: not evaluated yet. */
  decision: Decision | null;
  stages: StageName[];
  /** As it was trained: auto, float32 or bfloat16. */
  precision: "auto" | "float32" | "bfloat16";
  /** The file of each stage; with the hash that it must have, if the bundle says so. */
  weights: Partial<Record<StageName, { file: string; sha256: string | null }>>;
  /** What the run says of its weights; null for a bundle, whose hashes say more. */
  owner: WeightsOwner | null;
}

export interface TrainedModel {
  /** Folder of the run or the group, or file of the bundle. */
  path: string;
  name: string;
  /** One for a run; those of a group are averaged. */
  members: TrainedMember[];
}

/** The weights of a member: those of a run must be of its own split and slice model, those of a bundle have its hashes. */
export const loaderOf =
  (member: TrainedMember): LoadStage =>
  (stage, model, sliceModel) => {
    const { file, sha256 } = member.weights[stage]!;
    if (member.owner !== null) return loadBest(member.owner, member.source, { stage, model, sliceModel });
    const loaded = loadWeights(model, file);
    if (sha256 === null || loaded.hash === sha256) return loaded;
    rmSync(file, { force: true });
    throw new CheckpointError(
      file,
      `has the SHA-256 ${loaded.hash.slice(0, 12)}…, its bundle says ${sha256.slice(0, 12)}…: the copy in the cache was damaged`,
      "It was removed: run the same command again, which unpacks it from the bundle.",
    );
  };
