/**
 * The published 3D model `attn`: five blocks 1-32-64-128-256-512, each pooled by 2 and weighted by squeeze-and-excitation,
 * then the mean over the volume, 256, 64, K with ReLU between. The published model has no dropout; here it may follow the first ReLU.
 * Garg, Garg, Duncan: 2.5 CNN, Electronics 14(13), 2571, 2025. Parameter names are the published code's.
 */
import { functional as F, type Tensor } from "@slicestack/torch";
import { Dropout, Linear } from "@slicestack/torch/nn";
import { ConvBlock3d } from "../common/conv-block.js";
import { checkShape, halved, type VolumeSize } from "../common/input-sizes.js";
import { SqueezeExcitation3d } from "../common/squeeze-excitation.js";
import { VolumeModel, type VolumeModelOptions } from "./volume-model.js";
import { published } from "../common/published-source.js";
import { defineNetwork } from "../component.js";
import { blockLayers, fiveBlocks } from "../common/conv-block.js";

export class Attn extends VolumeModel {
  readonly size: VolumeSize;
  readonly conv1 = new ConvBlock3d(1, 32);
  readonly conv2 = new ConvBlock3d(32, 64);
  readonly conv3 = new ConvBlock3d(64, 128);
  readonly conv4 = new ConvBlock3d(128, 256);
  readonly conv5 = new ConvBlock3d(256, 512);
  readonly se1 = new SqueezeExcitation3d(32);
  readonly se2 = new SqueezeExcitation3d(64);
  readonly se3 = new SqueezeExcitation3d(128);
  readonly se4 = new SqueezeExcitation3d(256);
  readonly se5 = new SqueezeExcitation3d(512);
  readonly fc1 = new Linear(512, 256);
  readonly drop: Dropout;
  readonly fc2 = new Linear(256, 64);
  readonly fc3: Linear;

  constructor({ classes, size, dropout = 0 }: VolumeModelOptions) {
    super();
    halved("attn", size, 5);
    this.size = size;
    this.drop = new Dropout(dropout);
    this.fc3 = new Linear(64, classes);
  }

  /** No layer depends on the size, so that x may have any size of at least 32 x 32 x 32. */
  override forward(x_B1HWD: Tensor): Tensor {
    checkShape("attn", x_B1HWD, [null, 1, null, null, null]);
    halved("attn", x_B1HWD.shape.slice(2), 5);
    let maps = x_B1HWD;
    for (const [block, excitation] of [
      [this.conv1, this.se1] as const,
      [this.conv2, this.se2] as const,
      [this.conv3, this.se3] as const,
      [this.conv4, this.se4] as const,
      [this.conv5, this.se5] as const,
    ])
      maps = excitation.forward(F.maxPool3d(block.forward(maps), 2));
    const hidden = this.drop.forward(this.fc1.forward(maps.mean([2, 3, 4])).relu());
    return this.fc3.forward(this.fc2.forward(hidden).relu());
  }
}

export const attn = defineNetwork({
  name: "attn",
  source: `${published}; Hu et al., CVPR 2018`,
  architecture: "5 blocks with squeeze-and-excitation, mean, 256-64-K",
  camLayers: blockLayers,
  anySize: true,
  planned: "whole volumes",
  published: { dataset: "3d", settings: { method: "3d", network: { model: "attn" } } },
  create: ({ outputs, ...shape }) => new Attn({ ...shape, classes: outputs }),
  // It pools over the whole volume, so that the shapes of its weights do not depend on the input size.
  recognise: (shapes) => {
    const blocks = fiveBlocks(shapes);
    return blocks === null || shapes("se1.fc.0.weight") === undefined ? null : { ...blocks, model: "attn" };
  },
});
