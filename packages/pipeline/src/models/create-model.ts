/** The modules of a model, with weights drawn anew, from its contract alone. */
import type { VolumeConfig } from "../config/types.js";
import { channelsOf } from "../input/schema.js";
import type { Head } from "./heads/head.js";
import {
  createHeadFor,
  createSliceModel,
  createVolumeModel,
  type SliceModelName,
  type VolumeModelName,
} from "./registry.js";
import type { SliceModel } from "./trunks/slice-model.js";
import type { SliceSpec, StackSpec, VolumeSpec } from "./spec.js";
import type { VolumeModel } from "./networks/volume-model.js";

/** @throws ModelError where the size does not fit */
export function createTrunk({ trunk, input, classes }: SliceSpec | StackSpec): SliceModel {
  const { name, dropout, loss } = trunk;
  const channels = channelsOf(input);
  // A single channel is a grey slice, which a ResNet sees as a colour image of equal channels.
  const given = channels === 1 ? {} : { channels };
  const settings = { model: name as SliceModelName, dropout, loss, ...given };
  return createSliceModel(settings, classes.names.length, input.size);
}

/** On the embeddings of the trunk, or its maps. @throws ModelError */
export function createHead({ head, classes }: StackSpec, trunk: SliceModel): Head {
  const { name, slices, sampled: _, ...settings } = head;
  const config = { ...settings, head: name as VolumeConfig["head"] };
  return createHeadFor(config, trunk, { slices, classes: classes.names.length });
}

/** @throws ModelError where the size does not fit */
export function createNetwork({ network, input, classes }: VolumeSpec): VolumeModel {
  const { name, dropout, loss } = network;
  return createVolumeModel({ model: name as VolumeModelName, dropout, loss }, classes.names.length, input.size);
}
