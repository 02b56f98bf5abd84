/** The models of a configuration with their input, at the sizes of its data set: the same in training and evaluation. */
import type { RunConfig } from "../config/types.js";
import { ConfigError } from "../config/errors.js";
import { spreadOver } from "../data/sampler.js";
import type { Dataset } from "../data/store.js";
import type { Task } from "../data/task.js";
import type { Head } from "./heads/head.js";
import { createHeadFor, createSliceModel, createVolumeModel } from "./registry.js";
import { channelsOf, sliceTransform, SliceStore } from "./slice-input.js";
import type { SliceModel } from "./slice-model.js";
import { volumeTransform, VolumeStore } from "./volume-input.js";
import type { VolumeModel } from "./volume-model.js";

/** What decides how large models are. */
export interface Sized {
  config: RunConfig;
  /** Of training: its window and its sizes hold for other data too. */
  dataset: Dataset;
  task: Task;
}

/** @throws ModelError */
export function trunkOf({ config, dataset, task }: Sized): SliceModel {
  const transform = sliceTransform(config, dataset, "cpu");
  const channels = channelsOf(transform);
  // A single channel is a grey slice, which a ResNet sees as a colour image of equal channels.
  const input = channels === 1 ? {} : { channels };
  return createSliceModel({ ...config.slice, ...input }, task.classes.count, transform.size);
}

/** @param data whose slices the store gives   @throws ModelError */
export function sliceModelOf(
  sized: Sized,
  device: string,
  data: Dataset = sized.dataset,
): { store: SliceStore; model: SliceModel } {
  const model = trunkOf(sized);
  return { model, store: new SliceStore(data, sliceTransform(sized.config, sized.dataset, device)) };
}

/** Slices of the deepest volume that a head sees. */
export function headSlices({ config, dataset }: Sized, data: Dataset = dataset): number {
  const planes = config.transform.planes === "three" ? 3 : 1;
  const most = config.volume.slices ?? Infinity;
  return Math.max(...data.volumes.map(({ count }) => Math.min(most, count * planes)));
}

/** Which slices of a volume a head sees. */
export const seenSlices = (
  { config }: Sized,
  store: SliceStore,
  volume: Parameters<SliceStore["slicesOf"]>[0],
): readonly number[] => spreadOver(store.slicesOf(volume), config.volume.slices);

/** @throws ModelError, ConfigError */
export function headOf(sized: Sized, trunk: SliceModel): Head {
  const { volume, transform } = sized.config;
  if (volume.head === "maps_3d" && transform.planes === "three")
    throw new ConfigError([
      { key: "transform.planes", message: "transform.planes: maps_3d stacks the maps of axial slices; set planes axial, or take another head" }, // prettier-ignore
    ]);
  return createHeadFor(volume, trunk, { slices: headSlices(sized), classes: sized.task.classes.count });
}

/** @throws ModelError, ConfigError */
export function volumeModelOf(
  { config, dataset, task }: Sized,
  device: string,
  data: Dataset = dataset,
): { store: VolumeStore; model: VolumeModel } {
  const transform = volumeTransform(config, dataset, device);
  const model = createVolumeModel(config.volume, task.classes.count, transform.size);
  return { model, store: new VolumeStore(data, transform) };
}
