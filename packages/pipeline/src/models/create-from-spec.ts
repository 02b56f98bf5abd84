/** Creates the modules of a model from its ModelSpec, with random weights. */
import { channelsOf } from "../input/schema.js";
import { createHeadFor, createSliceModel, createVolumeModel } from "./create-by-name.js";
import type { Head } from "./heads/head.js";
import type { VolumeModel } from "./networks/volume-model.js";
import type { SliceSpec, StackSpec, VolumeSpec } from "./spec.js";
import type { SliceModel } from "./trunks/slice-model.js";

/** @throws ModelError if the size does not fit */
export function createTrunk({ trunk, input, classes }: SliceSpec | StackSpec): SliceModel {
  const { name, options, dropout, loss } = trunk;
  const channels = channelsOf(input);
  // A single channel is a grey slice, which a trunk for colour images receives in each of its channels.
  const given = channels === 1 ? {} : { channels };
  const settings = { model: { name, options }, dropout, loss, ...given };
  return createSliceModel(settings, classes.names.length, input.size);
}

/** Creates the head on the embeddings or the maps of the trunk. @throws ModelError */
export function createHead({ head, classes }: StackSpec, trunk: SliceModel): Head {
  const { name, options, slices, dropout, loss } = head;
  const config = { model: { name, options }, dropout, loss };
  return createHeadFor(config, trunk, { slices, classes: classes.names.length });
}

/** @throws ModelError if the size does not fit */
export function createNetwork({ network, input, classes }: VolumeSpec): VolumeModel {
  const { name, options, dropout, loss } = network;
  return createVolumeModel({ model: { name, options }, dropout, loss }, classes.names.length, input.size);
}
