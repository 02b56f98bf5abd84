/** Creates the modules of a model from its ModelSpec, with random weights. */
import { channelsOf } from "../input/schema.js";
import { createHeadFor, createSliceModel, createVolumeModel } from "./create-by-name.js";
import type { Head } from "./heads/head.js";
import type { VolumeModel } from "./networks/volume-model.js";
import type { ModelSpec, SliceSpec, StackSpec, VolumeSpec } from "./spec.js";
import type { SliceModel } from "./trunks/slice-model.js";

/** The modules of a 2D or 2.5D model. Disposing it disposes them. */
export interface SliceModules extends Disposable {
  readonly trunk: SliceModel;
  /** null in 2D, where the slices vote. */
  readonly head: Head | null;
}

/** The modules of a 2.5D model. */
export interface StackModules extends SliceModules {
  readonly head: Head;
}

/** The module of a 3D model. */
export interface NetworkModules extends Disposable {
  readonly network: VolumeModel;
}

export type ModelModules = SliceModules | NetworkModules;

/**
 * Creates the modules that a ModelSpec describes: trunk, and head in 2.5D, or the network in 3D. Their weights are random, drawn
 * first for the trunk and then for the head; `openModel` also loads trained ones. No data set is needed.
 * @throws ModelError if the size or an option does not fit; nothing is then left open
 */
export function createModel(spec: StackSpec): StackModules;
export function createModel(spec: SliceSpec | StackSpec): SliceModules;
export function createModel(spec: VolumeSpec): NetworkModules;
export function createModel(spec: ModelSpec): ModelModules;
export function createModel(spec: ModelSpec): ModelModules {
  if (spec.method === "3d") {
    const network = createNetwork(spec);
    return { network, [Symbol.dispose]: () => network[Symbol.dispose]() };
  }
  const trunk = createTrunk(spec);
  const head = spec.method === "2.5d" ? createHeadOn(trunk, spec) : null;
  const dispose = () => {
    head?.[Symbol.dispose]();
    trunk[Symbol.dispose]();
  };
  return { trunk, head, [Symbol.dispose]: dispose };
}

/** As createHead, and disposes the trunk if that fails. */
function createHeadOn(trunk: SliceModel, spec: StackSpec): Head {
  try {
    return createHead(spec, trunk);
  } catch (error) {
    trunk[Symbol.dispose]();
    throw error;
  }
}

/** The trunk alone, as the slice stage trains it. @throws ModelError if the size does not fit */
export function createTrunk({ trunk, input, classes }: SliceSpec | StackSpec): SliceModel {
  const { name, options, dropout, loss } = trunk;
  const channels = channelsOf(input);
  // A single channel is a grey slice, which a trunk for colour images receives in each of its channels.
  const given = channels === 1 ? {} : { channels };
  const settings = { model: { name, options }, dropout, loss, ...given };
  return createSliceModel(settings, classes.names.length, input.size);
}

/** The head on the embeddings or the maps of a trunk. @throws ModelError */
export function createHead({ head, classes }: StackSpec, trunk: SliceModel): Head {
  const { name, options, slices, dropout, loss } = head;
  const config = { model: { name, options }, dropout, loss };
  return createHeadFor(config, trunk, { slices, classes: classes.names.length });
}

function createNetwork({ network, input, classes }: VolumeSpec): VolumeModel {
  const { name, options, dropout, loss } = network;
  return createVolumeModel({ model: { name, options }, dropout, loss }, classes.names.length, input.size);
}
