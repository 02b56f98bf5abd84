/** The main model of a run as a function of one volume. */
import { spreadOver } from "../data/sampler.js";
import type { TaskVolume } from "../data/task.js";
import { SliceStore } from "../input/slices.js";
import type { VoxelSource } from "../input/source.js";
import { VolumeStore } from "../input/volumes.js";
import { deciding, isNetwork, type OpenModel, type OpenSliceModel } from "../predict/open-model.js";
import { Owned } from "../predict/owned-resources.js";
import { headReadOut, SliceFunction, voteReadOut } from "./slice-function.js";
import type { VolumeFunction } from "./volume-function.js";
import { VoxelFunction } from "./voxel-function.js";

export interface OpenFunction extends Disposable {
  function: VolumeFunction;
}

/** @param model its parameters are set to require no gradient   @param source disposed with the function */
export function functionOfModel(model: OpenModel, source: VoxelSource, device: string): OpenFunction {
  const stored = [source.height, source.width] as const;
  return Owned.by((owned) => {
    if (isNetwork(model)) {
      const store = owned.use(new VolumeStore(source, { ...model.spec.input, device }));
      const voxelFunction = new VoxelFunction({ model: model.network, store, stored });
      return { function: voxelFunction, [Symbol.dispose]: owned.end };
    }
    const store = owned.use(new SliceStore(source, { ...model.spec.input, device }));
    return { function: sliceFunction(model, store, stored), [Symbol.dispose]: owned.end };
  });
}

function sliceFunction(
  model: OpenSliceModel,
  store: SliceStore,
  stored: readonly [number, number],
): SliceFunction {
  const { spec } = model;
  const { trunk, head } = deciding(model);
  if (spec.method === "2d" || head === null) {
    const slicesOf = (volume: TaskVolume) => store.slicesOf(volume);
    return new SliceFunction({ trunk, readOut: voteReadOut(trunk), store, slicesOf: slicesOf, stored });
  }
  const { slices, sampled } = spec.head;
  const slicesOf = (volume: TaskVolume) => spreadOver(store.slicesOf(volume), sampled);
  return new SliceFunction({
    trunk,
    readOut: headReadOut(trunk, head, slices),
    store,
    slicesOf: slicesOf,
    stored,
  });
}
