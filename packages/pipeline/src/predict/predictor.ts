/** Applies an opened model to the volumes of a source: the only code that turns voxels into predictions. */
import type { VoxelSource } from "../input/source.js";
import type { Compute } from "./forward.js";
import { isNetwork, type OpenModel } from "./open-model.js";
import type { Predictor } from "./prediction.js";
import { SlicePredictor } from "./slice-predictor.js";
import { VoxelPredictor } from "./voxel-predictor.js";

/** @param source the predictor takes ownership of it, but not of the model */
export function predictorOf(model: OpenModel, source: VoxelSource, compute: Compute): Predictor {
  return isNetwork(model)
    ? new VoxelPredictor(model, source, compute)
    : new SlicePredictor(model, source, compute);
}
