/** A trained model, opened from its ModelSpec and weights, without its training data. */
import type { Module } from "@slicestack/torch/nn";
import type { StageName } from "../config/stages.js";
import { createModel } from "../models/create-model.js";
import type { Head } from "../models/heads/head.js";
import { Joint } from "../models/trunk-with-head.js";
import { loadWeights } from "../models/load-weights.js";
import type { SliceModel } from "../models/trunks/slice-model.js";
import type { ModelSpec, SliceSpec, StackSpec, VolumeSpec } from "../models/spec.js";
import type { VolumeModel } from "../models/networks/volume-model.js";
import { loadBest, type WeightsOwner } from "./load-trained.js";
import { Owned } from "./owned-resources.js";

/** 2D and 2.5D. */
export interface OpenSliceModel extends Disposable {
  readonly spec: SliceSpec | StackSpec;
  /** The trunk after the slice stage. */
  readonly trunk: SliceModel;
  /** SHA-256 of its weights; empty if they are random. */
  readonly trunkHash: string;
  /** The head on the features of that trunk; null in 2D. */
  readonly head: Head | null;
  /** Trunk and head after fine-tuning; null without fine-tuning. */
  readonly tuned: { joint: Joint; hash: string } | null;
}

/** 3D. */
export interface OpenNetwork extends Disposable {
  readonly spec: VolumeSpec;
  readonly network: VolumeModel;
}

export type OpenModel = OpenSliceModel | OpenNetwork;

export const isNetwork = (model: OpenModel): model is OpenNetwork => "network" in model;

/** The trunk and head that predict: those after fine-tuning, if there was one. */
export const deciding = ({ trunk, head, tuned }: OpenSliceModel): { trunk: SliceModel; head: Head | null } =>
  tuned?.joint ?? { trunk, head };

/**
 * Loads the weights of a stage into a model, and returns their hash.
 * @param sliceModel hash of the slice model that a head is used on
 */
export type LoadStage = (stage: StageName, model: Module, sliceModel?: string) => { hash: string };

/** Loads as another does, and keeps the hash of each stage's weights. */
export function keepingHashes(load: LoadStage): {
  load: LoadStage;
  hashes: Partial<Record<StageName, string>>;
} {
  const hashes: Partial<Record<StageName, string>> = {};
  const keeping: LoadStage = (stage, model, sliceModel) => {
    const loaded = load(stage, model, sliceModel);
    hashes[stage] = loaded.hash;
    return loaded;
  };
  return { load: keeping, hashes };
}

/** Loads from files without further checks. */
export const loadFrom =
  (fileOf: (stage: StageName) => string): LoadStage =>
  (stage, model) =>
    loadWeights(model, fileOf(stage));

/** Loads the best weights of a run, which must belong to its split and slice model. */
export const loadFromRun =
  (run: string, opened: WeightsOwner): LoadStage =>
  (stage, model, sliceModel) =>
    loadBest(opened, run, { stage, model, sliceModel });

/**
 * @param load null: the weights stay random, for comparison in a sanity check
 * @throws CheckpointError, ModelError, RunError; everything is then closed
 */
export function openModel(spec: ModelSpec, load: LoadStage | null, device: string): OpenModel {
  return Owned.by((owned) =>
    spec.method === "3d" ? openNetwork(spec, load, device, owned) : openSlices(spec, load, device, owned),
  );
}

function openNetwork(spec: VolumeSpec, load: LoadStage | null, device: string, owned: Owned): OpenNetwork {
  const { network } = owned.use(createModel(spec));
  load?.("volume", network);
  network.to({ device });
  return { spec, network, [Symbol.dispose]: owned.end };
}

function openSlices(
  spec: SliceSpec | StackSpec,
  load: LoadStage | null,
  device: string,
  owned: Owned,
): OpenSliceModel {
  const { trunk, head } = owned.use(createModel(spec));
  const trunkHash = load?.("slice", trunk).hash ?? "";
  if (head !== null) load?.("volume", head, trunkHash);
  trunk.to({ device });
  head?.to({ device });
  const isTuned = load !== null && spec.method === "2.5d" && spec.isFineTuned;
  const tuned = isTuned ? openTuned(spec, load, { device, trunkHash }, owned) : null;
  return { spec, trunk, trunkHash, head, tuned, [Symbol.dispose]: owned.end };
}

function openTuned(
  spec: StackSpec,
  load: LoadStage,
  { device, trunkHash }: { device: string; trunkHash: string },
  owned: Owned,
): { joint: Joint; hash: string } {
  const joint = owned.use(new Joint(createModel(spec)));
  const { hash } = load("fine_tune", joint, trunkHash);
  joint.to({ device });
  return { joint, hash };
}
