/** The weights of a trained model: their hashes, and how they are loaded and checked. */
import { rmSync } from "node:fs";
import { CheckpointError } from "@slicestack/torch/safetensors";
import type { StageName } from "../config/stages.js";
import { fileHashSync } from "../data/hash.js";
import { loadWeights } from "../models/load-weights.js";
import { loadBest } from "../predict/load-trained.js";
import type { LoadStage } from "../predict/open-model.js";
import { checkRecorded } from "../weights/recorded-hash.js";
import type { TrainedMember } from "./trained-model.js";

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
