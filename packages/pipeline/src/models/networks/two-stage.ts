/**
 * The published two-stage model in one module: a slice model without its last layer computes an embedding of every slice; the
 * embeddings are concatenated in slice order, then D·256-2048-128-K with ReLU and dropout follow. The published checkpoints
 * load under their original names. Garg, Garg, Duncan: 2.5 CNN, Electronics 14(13), 2571, 2025.
 * Training does not use this module: it computes the embeddings once and trains a `flatten` head on them, which is equivalent.
 * B volumes, D slices, E = 256.
 */
import { cat, scope, zeros, type Tensor } from "@slicestack/torch";
import { Dropout, Linear, Module, ReLU, Sequential } from "@slicestack/torch/nn";
import { frozen } from "../common/frozen.js";
import { checkShape, type VolumeSize } from "../common/input-sizes.js";
import { slicesOf } from "../common/slices-of.js";
import { flatten, FlattenHead } from "../heads/flatten.js";
import { ResNet, type ResNetDepth } from "../trunks/resnet.js";
import { VolumeModel, type VolumeModelOptions } from "./volume-model.js";
import { published } from "../common/published-source.js";
import { defineNetwork } from "../component.js";
import { customResnet } from "../trunks/custom-resnet.js";
import {
  asGrey,
  below,
  inputs,
  outputs as outputsOf,
  quotient,
  unclaimed,
  tensorsBelow,
} from "../recognition.js";

const embedding = 256;

/** `custom_resnet` up to its embedding, the part that a published checkpoint contains. */
class SliceEmbedder extends Module {
  readonly resnet: ResNet;
  readonly custom_layers: Sequential;

  constructor(depth: ResNetDepth, channels: number, dropout: number) {
    super();
    this.resnet = new ResNet(depth, channels);
    this.custom_layers = new Sequential(
      new Linear(this.resnet.features, 512),
      new ReLU(),
      new Dropout(dropout),
      new Linear(512, embedding),
      new ReLU(),
      new Dropout(dropout),
    );
  }

  /** x_NCHW → embedding_NE */
  forward(x_NCHW: Tensor): Tensor {
    return this.custom_layers.forward(this.resnet.forward(x_NCHW));
  }
}

export interface TwoStageOptions extends VolumeModelOptions {
  /** Dropout of the volume head. Default 0.2. */
  dropout?: number;
  /** Dropout of the slice model, which only acts if that is not frozen. Default 0. */
  sliceDropout?: number;
  /** Default 50. */
  depth?: ResNetDepth;
  /** Input channels of the slice model, each of which receives the grey slice. Default 3. */
  channels?: number;
}

// Slices in a batch of the frozen slice model, whose activations are not kept.
const batchSize = 64;

export class TwoStage extends VolumeModel {
  readonly size: VolumeSize;
  readonly resnet: SliceEmbedder;
  readonly ffwd: Sequential;
  readonly #channels: number;
  #frozen = true;

  constructor({ classes, size, dropout = 0.2, sliceDropout = 0, depth = 50, channels = 3 }: TwoStageOptions) {
    super();
    this.size = size;
    this.#channels = channels;
    this.resnet = new SliceEmbedder(depth, channels, sliceDropout);
    this.ffwd = new FlattenHead({ embedding, slices: size[2], classes, dropout }).ffwd;
    this.freeze();
  }

  /** Freezes the slice model, which is the initial state, or lets it train with the head. */
  freeze(isFrozen = true): this {
    this.#frozen = isFrozen;
    this.resnet.requiresGrad_(!isFrozen);
    return this;
  }

  override forward(x_B1HWD: Tensor): Tensor {
    checkShape("two_stage", x_B1HWD, [null, 1, ...this.size]);
    const slices_NCHW = slicesOf(x_B1HWD).expand(-1, this.#channels, -1, -1);
    const embedding_NE = this.#frozen ? this.#frozenEmbedding(slices_NCHW) : this.resnet.forward(slices_NCHW);
    return this.ffwd.forward(embedding_NE.reshape(x_B1HWD.size(0), x_B1HWD.size(4) * embedding));
  }

  #frozenEmbedding(slices_NCHW: Tensor): Tensor {
    const parts = slices_NCHW.split(batchSize);
    return frozen(this.resnet, () =>
      cat(parts.map((part_NCHW) => scope(() => this.resnet.forward(part_NCHW)))),
    );
  }
}

/** Trained as a 2.5D run: first its slice model, then the head on the embeddings. */
export const twoStage = defineNetwork({
  name: "two_stage",
  source: published,
  architecture: `frozen ${customResnet.name}, ${flatten.name} head`,
  isSetting: false,
  setting: `slice.model: ${customResnet.name}, head.model: ${flatten.name}`,
  published: {
    dataset: "3d",
    settings: { method: "2.5d", slice: { model: customResnet.name }, head: { model: flatten.name } },
    // The checkpoint is a trained slice model, which is not trained further.
    withCheckpoint: { "slice.epochs": 0 },
  },
  create: ({ outputs, trunk: _, ...shape }) => new TwoStage({ ...shape, classes: outputs }),
  signature: "resnet.resnet.conv1.weight, ffwd.0.weight",
  recognise: (shapes) => {
    const slice = customResnet.recognise?.(below(shapes, "resnet.")) ?? null;
    if (slice === null || shapes("ffwd.0.weight") === undefined) return null;
    const slices = quotient(inputs(shapes, "ffwd.0"), slice.embedding ?? null);
    return { ...slice, model: "two_stage", classes: outputsOf(shapes, "ffwd.6"), slices };
  },
  // The published code removes the last layer of the slice model; if a file still has it, its slices can vote.
  stages: (tensors, guess) => {
    const volume = new Map([...tensors].filter(([name]) => name.startsWith("ffwd.")));
    const { tensors: slice, notes } = asGrey(tensorsBelow(tensors, "resnet."), "resnet.conv1.weight");
    const last = "custom_layers.6";
    const votes = slice.has(`${last}.weight`) && slice.has(`${last}.bias`);
    const whole = new Map([...slice, ...unclaimed(tensors, ["resnet.", "ffwd."])]);
    if (!votes)
      whole
        .set(`${last}.weight`, zeros([guess.classes ?? 2, guess.embedding ?? embedding]))
        .set(`${last}.bias`, zeros([guess.classes ?? 2]));
    const missing = votes
      ? []
      : ["The slice model has no last layer in this file, so that its slices cannot vote."];
    return { slice: whole, volume, votes, notes: [...notes, ...missing] };
  },
});
