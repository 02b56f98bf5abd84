/** Applies an opened model to the volumes of a source: the only code that turns voxels into predictions. */
import type { VoxelSource } from "../input/source.js";
import type { Compute } from "./forward.js";
import { isNetwork, type OpenModel } from "./open-model.js";
import type { Predictor } from "./prediction.js";
import { SlicePredictor } from "./slice-predictor.js";
import { ViewedPredictor, type MakePredictor } from "./viewed-predictor.js";
import { VoxelPredictor } from "./voxel-predictor.js";

/** @param source the predictor takes ownership of it, but not of the model */
export function predictorOf(model: OpenModel, source: VoxelSource, compute: Compute): Predictor {
  const plain: MakePredictor = (of, from) =>
    isNetwork(of) ? new VoxelPredictor(of, from, compute) : new SlicePredictor(of, from, compute);
  const { testTime } = model.spec;
  return testTime === undefined ? plain(model, source) : new ViewedPredictor(model, source, testTime, plain);
}
