/**
 * The small slice model of the published zoo (`2d_cnn`; without its last layer `slice_cnn`): three stages of 3x3 convolution,
 * batch norm, ReLU, channel dropout and pooling, then 512, 128, K. It has one input channel; `channels` sets more.
 * Garg, Garg, Duncan: 2.5 CNN, Electronics 14(13), 2571, 2025. Parameter names are the published code's.
 */
import { functional as F, type Tensor } from "@slicestack/torch";
import { BatchNorm2d, Conv2d, Linear } from "@slicestack/torch/nn";
import { checkShape, halved, product } from "../common/input-sizes.js";
import { SliceModel } from "./slice-model.js";
import { published } from "../common/published-source.js";
import { defineTrunk, type TrunkShape } from "../component.js";
import { inputs, outputs as outputsOf, quotient, square } from "../recognition.js";

export interface SliceCnnOptions {
  classes: number;
  dropout: number;
  /** Height and width of the input, preferably multiples of 8: the first linear layer depends on them. */
  size: [number, number];
  /** Default 1. */
  channels?: number;
}

export class SliceCnn extends SliceModel {
  readonly channels: number;
  readonly embedding = 128;
  readonly mapChannels = 128;
  readonly size: [number, number];
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly conv3: Conv2d;
  readonly bn3: BatchNorm2d;
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly fc3: Linear;
  readonly dropout: number;

  constructor({ classes, dropout, size, channels = 1 }: SliceCnnOptions) {
    super();
    const left = halved("slice_cnn", size, 3);
    this.channels = channels;
    this.size = size;
    this.dropout = dropout;
    this.conv1 = new Conv2d(channels, 32, 3, { padding: 1 });
    this.bn1 = new BatchNorm2d(32);
    this.conv2 = new Conv2d(32, 64, 3, { padding: 1 });
    this.bn2 = new BatchNorm2d(64);
    this.conv3 = new Conv2d(64, 128, 3, { padding: 1 });
    this.bn3 = new BatchNorm2d(128);
    this.fc2 = new Linear(512, 128);
    this.fc1 = new Linear(128 * product(left), 512);
    this.fc3 = new Linear(128, classes);
  }

  /** The input of the first linear layer: x_BCHW → maps_BFhw, h = H / 8, w = W / 8. */
  override featureMaps(x_BCHW: Tensor): Tensor {
    checkShape("slice_cnn", x_BCHW, [null, this.channels, ...this.size]);
    let maps = x_BCHW;
    for (const [conv, norm] of [
      [this.conv1, this.bn1] as const,
      [this.conv2, this.bn2] as const,
      [this.conv3, this.bn3] as const,
    ]) {
      const active = norm.forward(conv.forward(maps)).relu();
      maps = F.maxPool2d(F.featureDropout(active, this.dropout, this.training), 2);
    }
    return maps;
  }

  override embed(x_BCHW: Tensor): Tensor {
    const maps = this.featureMaps(x_BCHW);
    const hidden = F.dropout(this.fc1.forward(maps.flatten(1)).relu(), this.dropout, this.training);
    return F.dropout(this.fc2.forward(hidden).relu(), this.dropout, this.training);
  }

  override get classifier(): Linear {
    return this.fc3;
  }

  override classify(embedding_BE: Tensor): Tensor {
    return this.fc3.forward(embedding_BE);
  }
}

const small = {
  source: published,
  camLayers: [
    ["bn1", 1],
    ["bn2", 2],
    ["bn3", 4],
  ] as const,
  create: ({ outputs, size, dropout, channels }: TrunkShape) =>
    new SliceCnn({ classes: outputs, dropout, size, channels }),
};

const asSliceCnn = { dataset: "2d", settings: { method: "2d", slice: { model: "slice_cnn" } } } as const;

/** The whole published network; `slice_cnn` below is the published name of its features. */
export const published2dCnn = defineTrunk({
  ...small,
  name: "2d_cnn",
  architecture: "3 convolutions 32-64-128, 512-128-K",
  isSetting: false,
  setting: "slice.model: slice_cnn",
  published: asSliceCnn,
  signature: "conv1.weight, fc1.weight",
  recognise: (shapes) => {
    // Three stages of pooling by 2 before the first linear layer of 128 maps.
    const [first, last] = [shapes("conv1.weight"), shapes("conv3.weight")];
    if (first?.length !== 4 || last?.length !== 4 || outputsOf(shapes, "fc2") !== 128) return null;
    return {
      model: "2d_cnn",
      alike: ["slice_cnn"],
      channels: first[1] ?? null,
      classes: outputsOf(shapes, "fc3"),
      embedding: outputsOf(shapes, "fc2"),
      inputSize: square(quotient(inputs(shapes, "fc1"), last[0] ?? null), 8),
    };
  },
});

export const sliceCnn = defineTrunk({
  ...small,
  name: "slice_cnn",
  architecture: "2d_cnn; its 128 features are what volume_cnn and the heads see",
  planned: "small",
  published: asSliceCnn,
});
