/** The one place where voxels become a decision: an opened model on the volumes of a source. */
import type { VoxelSource } from "../input/source.js";
import type { Compute } from "./forward.js";
import { isNetwork, type OpenModel } from "./open-model.js";
import type { Predictor } from "./prediction.js";
import { SlicePredictor } from "./slice-predictor.js";
import { VoxelPredictor } from "./voxel-predictor.js";

/** @param source owned by the predictor from now on; the model is not */
export function predictorOf(model: OpenModel, source: VoxelSource, compute: Compute): Predictor {
  return isNetwork(model) ? new VoxelPredictor(model, source, compute) : new SlicePredictor(model, source, compute);
}
