/** Loads the weights with which a run predicts. */
import type { Module } from "@slicestack/torch/nn";
import type { StageName } from "../config/stages.js";
import { loadWeights, type Loaded } from "../models/load-weights.js";
import { RunError, runPaths, SLICE_STAGE_SPLIT } from "../run/folder.js";
import type { RunRecord } from "../run/folder.js";

/** What a run says of the weights that belong to it. */
export interface WeightsOwner {
  split: { hash: string };
  record: Pick<RunRecord, "environment" | "imported">;
}

/**
 * Loads the best weights of a stage. They record the split that they were trained on, and those of a head also the slice model:
 * weights of another run may have been trained on volumes of this test set, or not fit.
 * @param sliceModel hash of the slice model that the head is used on
 * @throws RunError if they are of another split or slice model   @throws CheckpointError
 */
export function loadBest(
  { split, record }: WeightsOwner,
  run: string,
  { stage, model, sliceModel }: { stage: StageName; model: Module; sliceModel?: string | undefined },
): Loaded {
  const file = runPaths(run).best(stage);
  const loaded = loadWeights(model, file);
  if (record.imported !== undefined) return loaded; // trained elsewhere: their split is not this run's
  const { split: theirs, slice_model: seen } = loaded.metadata;
  const ours = (stage === "slice" ? record.environment[SLICE_STAGE_SPLIT] : undefined) ?? split.hash;
  const remedy = "Put the original weights back, with the .sha256 beside them, or train this stage again.";
  if (theirs !== undefined && theirs !== ours)
    throw new RunError(
      file,
      `was trained on split ${theirs.slice(0, 12)}, this run has ${ours.slice(0, 12)}`,
      remedy,
    );
  if (sliceModel !== undefined && seen !== undefined && seen !== sliceModel)
    throw new RunError(file, "belongs to a slice model other than that of this run", remedy);
  return loaded;
}
