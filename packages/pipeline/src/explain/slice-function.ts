/**
 * A slice model with the vote or head that decides for the volume, as one function: 2D and 2.5D.
 * Slices are combined only after the trunk. The gradient with respect to the trunk's output is therefore computed first and
 * then propagated through the trunk a few slices at a time: the exact gradient, without the memory for all activations.
 * N slices of the input, E embedding (or F x h x w maps), S slices of the head's input, K classes.
 */
import {
  cat,
  fromTypedArray,
  functional as F,
  grad,
  noGrad,
  ones,
  scope,
  type Tensor,
} from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import type { TaskVolume } from "../data/task.js";
import type { Head } from "../models/heads/head.js";
import type { SliceModel } from "../models/trunks/slice-model.js";
import { channelsOf, planesOf } from "../input/schema.js";
import type { SliceStore } from "../input/slices.js";
import { logOdds } from "./log-odds.js";
import { targetLayer, type TargetLayer } from "./layers.js";
import { mapsToVolume, slicesToVolume, type SliceGrid } from "./placement.js";
import { recordOutputs } from "./tap.js";
import type {
  BaselineKind,
  Gradient,
  LayerMaps,
  Occluded,
  Prediction,
  VolumeFunction,
} from "./volume-function.js";

/** The part of a model from the trunk's output for slices to the decision for the volume. */
export interface ReadOut {
  /** The computed quantity, in words. */
  explained: string;
  /** x_NCHW → features_N */
  features(x_NCHW: Tensor): Tensor;
  /** features_BS, mask_BS → logProbability_BK */
  read(features_BS: Tensor, mask_BS: Tensor): { logProbability_BK: Tensor; sliceWeight_BS: Tensor | null };
  /** Inputs with fewer slices are padded to this number. */
  slices: number;
  module: Module | null;
}

/** 2.5D: a head on embeddings, or on maps. @param slices of the deepest volume of its training */
export function headReadOut(trunk: SliceModel, head: Head, slices: number): ReadOut {
  return {
    explained: "2.5d: log-odds of the class by trunk and head",
    features: (x_NCHW) => (head.sees === "maps" ? trunk.featureMaps(x_NCHW) : trunk.embed(x_NCHW)),
    read: (features_BS, mask_BS) => {
      const { logits_BK, sliceWeight_BS } = head.forward(features_BS, mask_BS);
      return { logProbability_BK: head.outputs.logProbabilities(logits_BK), sliceWeight_BS };
    },
    slices,
    module: head,
  };
}

/** 2D: the mean of the slices' class probabilities; other votes count slices, which has no gradient. */
export function voteReadOut(trunk: SliceModel): ReadOut {
  return {
    explained: "2d_vote: log-odds of the class by the mean probability of the slices",
    features: (x_NCHW) => trunk.embed(x_NCHW),
    read: (embedding_BSE, mask_BS) => {
      const [volumes = 0, slices = 0] = mask_BS.shape;
      const logits_NO = trunk.classify(embedding_BSE.flatten(0, 1));
      const each_BSK = trunk.outputs.logProbabilities(logits_NO).reshape(volumes, slices, -1);
      const seen_BSK = each_BSK.maskedFill(mask_BS.logicalNot().unsqueeze(-1), -Infinity);
      const count_B1 = mask_BS.sum(1, true).to({ dtype: each_BSK.dtype });
      return { logProbability_BK: seen_BSK.logsumexp(1).sub(count_B1.log()), sliceWeight_BS: null };
    },
    slices: 1,
    module: null,
  };
}

/** Slices whose activations are in memory at once, and volumes with a missing slice in a batch of the head. */
const [CHUNK, BATCH] = [16, 16];

export interface SliceFunctionOptions {
  trunk: SliceModel;
  readOut: ReadOut;
  store: SliceStore;
  /** The slices of a volume that are the model's input. */
  slicesOf: (volume: TaskVolume) => readonly number[];
  /** Height and width of the stored slices. */
  stored: readonly [number, number];
}

export class SliceFunction implements VolumeFunction {
  readonly explained: string;
  readonly #trunk: SliceModel;
  readonly #readOut: ReadOut;
  readonly #store: SliceStore;
  readonly #seen: SliceFunctionOptions["slicesOf"];
  readonly #grid: SliceGrid;

  /** Sets trunk and head to evaluation mode, and their parameters to require no gradient. */
  constructor({ trunk, readOut, store, slicesOf: seen, stored }: SliceFunctionOptions) {
    this.explained = readOut.explained;
    this.#trunk = trunk;
    this.#readOut = readOut;
    this.#store = store;
    this.#seen = seen;
    const { transform } = store;
    this.#grid = { transform, stored, rows: store.count / planesOf(transform) };
    for (const module of [trunk, readOut.module]) module?.eval().requiresGrad_(false);
  }

  layer(name: string | null): TargetLayer {
    return targetLayer(this.#trunk, this.#store.transform.size, name);
  }

  input(volume: TaskVolume): Tensor {
    return this.#store.unit(this.#seen(volume));
  }

  baseline(unit_NCHW: Tensor, kind: BaselineKind): Tensor {
    return scope(() => {
      if (kind === "mean") return unit_NCHW.mul(0).add(unit_NCHW.mean([0, 2, 3], true));
      return unit_NCHW.mul(0).add(this.#air(unit_NCHW.device));
    });
  }

  /** air_1C11 */
  #air(device: string): Tensor {
    const { transform } = this.#store;
    const { air } = transform;
    const values = Float32Array.from({ length: channelsOf(transform) }, (_, c) =>
      Math.min(1, Math.max(0, typeof air === "number" ? air : air[c]!)),
    );
    return fromTypedArray(values, [1, values.length, 1, 1], { device });
  }

  predict(unit_NCHW: Tensor): Prediction {
    return scope(() =>
      noGrad(() => {
        const { logProbability_BK, sliceWeight_BS } = this.#read(this.#features(unit_NCHW).unsqueeze(0));
        const count = unit_NCHW.size(0);
        return {
          probabilities_K: logProbability_BK.exp().toArray(),
          sliceWeights: sliceWeight_BS === null ? null : sliceWeight_BS.toArray().slice(0, count),
        };
      }),
    );
  }

  score(unit_NCHW: Tensor, target: number): number {
    return scope(() =>
      noGrad(() =>
        logOdds(this.#read(this.#features(unit_NCHW).unsqueeze(0)).logProbability_BK, target).item(),
      ),
    );
  }

  gradient(unit_NCHW: Tensor, target: number, layer: TargetLayer | null): Gradient {
    return scope(() => {
      const features_N = noGrad(() => this.#features(unit_NCHW))
        .detach()
        .requiresGrad_();
      const score = logOdds(this.#read(features_N.unsqueeze(0)).logProbability_BK, target);
      const gradient_N = grad([score.sum()], [features_N])[0] ?? features_N.mul(0);
      const inputs: Tensor[] = [];
      const maps: LayerMaps[] = [];
      for (let first = 0; first < unit_NCHW.size(0); first += CHUNK) {
        const count = Math.min(CHUNK, unit_NCHW.size(0) - first);
        const part = scope(() =>
          this.#throughTrunk(unit_NCHW.narrow(0, first, count), gradient_N.narrow(0, first, count), layer),
        );
        inputs.push(part.input);
        if (part.maps !== null) maps.push(part.maps);
      }
      const joined = (what: keyof LayerMaps) => cat(maps.map((layerMaps) => layerMaps[what]));
      return {
        score: score.item(),
        input: cat(inputs),
        maps: maps.length === 0 ? null : { activation: joined("activation"), gradient: joined("gradient") },
      };
    });
  }

  /** The gradient for some slices, from the gradient for the trunk's output. */
  #throughTrunk(
    unit_BCHW: Tensor,
    gradient_B: Tensor,
    layer: TargetLayer | null,
  ): { input: Tensor; maps: LayerMaps | null } {
    const leaf_BCHW = unit_BCHW.detach().requiresGrad_();
    const run = () => this.#readOut.features(this.#store.normalise(leaf_BCHW, this.#trunk.channels));
    const { result, outputs } =
      layer === null ? { result: run(), outputs: [] } : recordOutputs(layer.module, run);
    const [activation] = outputs;
    const weighted = result.mul(gradient_B).sum();
    const [input, gradient] = grad(
      [weighted],
      [leaf_BCHW, ...(activation === undefined ? [] : [activation])],
    );
    const none = (like: Tensor) => like.detach().mul(0);
    return {
      input: input ?? none(leaf_BCHW),
      maps:
        activation === undefined
          ? null
          : { activation: activation.detach(), gradient: gradient ?? none(activation) },
    };
  }

  occluded(unit_NCHW: Tensor, target: number): Occluded {
    return scope(() =>
      noGrad(() => {
        const features_N = this.#features(unit_NCHW);
        const air_1 = this.#features(this.baseline(unit_NCHW.narrow(0, 0, 1), "air"));
        const count = unit_NCHW.size(0);
        const without = (k: number) =>
          cat([features_N.narrow(0, 0, k), air_1, features_N.narrow(0, k + 1, count - k - 1)]);
        const [leftOut, air]: [number[], number[]] = [[], []];
        for (let first = 0; first < count; first += BATCH) {
          const places = Array.from({ length: Math.min(BATCH, count - first) }, (_, k) => first + k);
          if (count > 1)
            leftOut.push(
              ...scope(() =>
                this.#scores(
                  places.map(() => features_N.alias()),
                  target,
                  places,
                ),
              ),
            );
          air.push(...scope(() => this.#scores(places.map(without), target)));
        }
        return { leftOut: count > 1 ? leftOut : null, air };
      }),
    );
  }

  /** @param missing the slice that is left out of each volume */
  #scores(volumes: readonly Tensor[], target: number, missing?: readonly number[]): number[] {
    const features_BN = cat(volumes.map((features_N) => features_N.unsqueeze(0)));
    return logOdds(this.#read(features_BN, missing).logProbability_BK, target).toArray();
  }

  planes(values_NCHW: Tensor): Tensor {
    return values_NCHW.sum(1);
  }

  spread(mask_NHW: Tensor): Tensor {
    return mask_NHW.unsqueeze(1);
  }

  enlarged(cam_Nhw: Tensor, unit_NCHW: Tensor): Tensor {
    const size = unit_NCHW.shape.slice(2);
    return scope(() => F.interpolate(cam_Nhw.unsqueeze(1), size, { mode: "bilinear" }).squeeze(1));
  }

  storedMap(volume: TaskVolume, map_NHW: Tensor): Tensor {
    return mapsToVolume(map_NHW, this.#seen(volume), volume, this.#grid);
  }

  storedValues(volume: TaskVolume, values_NCHW: Tensor): Tensor {
    return slicesToVolume(values_NCHW, this.#seen(volume), volume, this.#grid);
  }

  places(volume: TaskVolume): (number | null)[] {
    return this.#seen(volume).map((slice) => this.#store.locationOf(volume, slice));
  }

  /** Features of all slices, computed in chunks without gradients. */
  #features(unit_NCHW: Tensor): Tensor {
    return scope(() =>
      cat(
        unit_NCHW
          .split(CHUNK)
          .map((part_BCHW) =>
            scope(() => this.#readOut.features(this.#store.normalise(part_BCHW, this.#trunk.channels))),
          ),
      ),
    );
  }

  /** Pads the input to the number of slices of the head. */
  #read(features_BN: Tensor, missing: readonly number[] = []): ReturnType<ReadOut["read"]> {
    const [volumes = 1, count = 1] = features_BN.shape;
    const slices = Math.max(count, this.#readOut.slices);
    const beside = new Array<number>(2 * (features_BN.dim - 2)).fill(0);
    const features_BS = slices === count ? features_BN : features_BN.pad([...beside, 0, slices - count]);
    const there = Uint8Array.from({ length: volumes * slices }, (_, at) => {
      const [volume, slice] = [Math.floor(at / slices), at % slices];
      return slice < count && missing[volume] !== slice ? 1 : 0;
    });
    const mask_BS =
      missing.length === 0 && slices === count
        ? ones([volumes, slices], { dtype: "bool", device: features_BN.device })
        : fromTypedArray(there, [volumes, slices], { dtype: "bool", device: features_BN.device });
    return this.#readOut.read(features_BS, mask_BS);
  }
}
