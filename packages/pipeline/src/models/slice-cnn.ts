/**
 * The small slice model of the published zoo (`2d_cnn`; without its last layer `slice_cnn`): three stages of 3x3 convolution,
 * batch norm, ReLU, channel dropout and pooling, then 512, 128, K. One input channel. Parameter names are the published code's.
 */
import { functional as F, type Tensor } from "@slicestack/torch";
import { BatchNorm2d, Conv2d, Linear } from "@slicestack/torch/nn";
import { SliceModel } from "./slice-model.js";

export interface SliceCnnOptions {
  classes: number;
  dropout: number;
  /** Height and width of the input, multiples of 8 at best: the first linear layer depends on them. */
  size: [number, number];
}

export class SliceCnn extends SliceModel {
  readonly channels = 1;
  readonly embedding = 128;
  readonly conv1 = new Conv2d(1, 32, 3, { padding: 1 });
  readonly bn1 = new BatchNorm2d(32);
  readonly conv2 = new Conv2d(32, 64, 3, { padding: 1 });
  readonly bn2 = new BatchNorm2d(64);
  readonly conv3 = new Conv2d(64, 128, 3, { padding: 1 });
  readonly bn3 = new BatchNorm2d(128);
  readonly fc1: Linear;
  readonly fc2 = new Linear(512, 128);
  readonly fc3: Linear;
  readonly dropout: number;

  constructor({ classes, dropout, size: [height, width] }: SliceCnnOptions) {
    super();
    this.dropout = dropout;
    this.fc1 = new Linear(128 * Math.floor(height / 8) * Math.floor(width / 8), 512);
    this.fc3 = new Linear(128, classes);
  }

  override embed(x_B1HW: Tensor): Tensor {
    let maps = x_B1HW;
    for (const [conv, norm] of [
      [this.conv1, this.bn1] as const,
      [this.conv2, this.bn2] as const,
      [this.conv3, this.bn3] as const,
    ]) {
      const active = norm.forward(conv.forward(maps)).relu();
      maps = F.maxPool2d(F.featureDropout(active, this.dropout, this.training), 2);
    }
    const hidden = F.dropout(this.fc1.forward(maps.flatten(1)).relu(), this.dropout, this.training);
    return F.dropout(this.fc2.forward(hidden).relu(), this.dropout, this.training);
  }

  override classify(embedding_BE: Tensor): Tensor {
    return this.fc3.forward(embedding_BE);
  }
}
