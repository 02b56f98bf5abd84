/**
 * The published two-stage model in one module: a slice model without its last layer on every slice, the embeddings side by
 * side in slice order, then D·256-2048-128-K with ReLU and dropout. Loads the published checkpoints by their own names.
 * Garg, Garg, Duncan: 2.5 CNN, Electronics 14(13), 2571, 2025.
 * Training does not use it: there the embeddings are computed once and a `flatten` head is trained on them, which is the same.
 * B volumes, D slices, E = 256.
 */
import { cat, scope, zeros, type Tensor } from "@slicestack/torch";
import { Dropout, Linear, Module, ReLU, Sequential } from "@slicestack/torch/nn";
import { frozen } from "../common/frozen.js";
import { checkShape, type VolumeSize } from "../common/sizes.js";
import { slicesOf } from "../common/slices-of.js";
import { flatten, FlattenHead } from "../heads/flatten.js";
import { ResNet, type ResNetDepth } from "../trunks/resnet.js";
import { VolumeModel, type VolumeModelOptions } from "./volume-model.js";
import { published } from "../common/published.js";
import { defineNetwork } from "../component.js";
import { customResnet } from "../trunks/custom-resnet.js";
import { asGrey, below, inputs, outputs as outputsOf, quotient, strangers, tensorsBelow } from "../recognition.js";

const embedding = 256;

/** `custom_resnet` up to its embedding: what is left of it in a published checkpoint. */
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
  /** Of the volume head. Default 0.2. */
  dropout?: number;
  /** Of the slice model; it acts only where that is not frozen. Default 0. */
  sliceDropout?: number;
  /** Default 50. */
  depth?: ResNetDepth;
  /** Of the slice model, which sees a grey slice in each. Default 3. */
  channels?: number;
}

// Slices that the frozen slice model sees at once: no activation of it is kept.
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

  /** Whether the slice model is left as it is (the start), or learns with the head. */
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
    return frozen(this.resnet, () => cat(parts.map((part_NCHW) => scope(() => this.resnet.forward(part_NCHW)))));
  }
}

/** Trained as a 2.5D run: its slice model first, then the head on what that sees. */
export const twoStage = defineNetwork({
  name: "two_stage",
  source: published,
  architecture: `frozen ${customResnet.name}, ${flatten.name} head`,
  isSetting: false,
  setting: `slice.model: ${customResnet.name}, volume.head: ${flatten.name}`,
  published: {
    dataset: "3d",
    settings: { method: "2.5d", slice: { model: customResnet.name }, volume: { head: flatten.name } },
    // Its checkpoint is that of a trained slice model, which stays as it is.
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
  // Its slice model has lost its last layer in the published code; where that is still there, its slices can vote.
  stages: (tensors, guess) => {
    const volume = new Map([...tensors].filter(([name]) => name.startsWith("ffwd.")));
    const { tensors: slice, notes } = asGrey(tensorsBelow(tensors, "resnet."), "resnet.conv1.weight");
    const last = "custom_layers.6";
    const votes = slice.has(`${last}.weight`) && slice.has(`${last}.bias`);
    const whole = new Map([...slice, ...strangers(tensors, ["resnet.", "ffwd."])]);
    if (!votes)
      whole
        .set(`${last}.weight`, zeros([guess.classes ?? 2, guess.embedding ?? embedding]))
        .set(`${last}.bias`, zeros([guess.classes ?? 2]));
    const missing = votes ? [] : ["The slice model has no last layer there, so that its slices have no vote."];
    return { slice: whole, volume, votes, notes: [...notes, ...missing] };
  },
});
