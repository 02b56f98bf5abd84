/**
 * The published 3D model `simple_modular`: five blocks 1-32-64-128-256-512, each pooled by 2, then 1024, 512, K
 * with one ReLU, after the first linear layer. The published model has no dropout; here dropout may follow that ReLU.
 * Garg, Garg, Duncan: 2.5 CNN, Electronics 14(13), 2571, 2025. Parameter names are the published code's.
 */
import { functional as F, type Tensor } from "@slicestack/torch";
import { Dropout, Linear } from "@slicestack/torch/nn";
import { ConvBlock3d } from "../common/conv-block.js";
import { checkShape, halved, product, type VolumeSize } from "../common/input-sizes.js";
import { VolumeModel, type VolumeModelOptions } from "./volume-model.js";
import { published } from "../common/published-source.js";
import { defineNetwork } from "../component.js";
import { blockLayers, fiveBlocks } from "../common/conv-block.js";
import { inputs, outputs as outputsOf, publishedSize, quotient } from "../recognition.js";

export class SimpleModular extends VolumeModel {
  readonly size: VolumeSize;
  readonly conv1 = new ConvBlock3d(1, 32);
  readonly conv2 = new ConvBlock3d(32, 64);
  readonly conv3 = new ConvBlock3d(64, 128);
  readonly conv4 = new ConvBlock3d(128, 256);
  readonly conv5 = new ConvBlock3d(256, 512);
  readonly fc1: Linear;
  readonly drop: Dropout;
  readonly fc2 = new Linear(1024, 512);
  readonly fc3: Linear;

  constructor({ classes, size, dropout = 0 }: VolumeModelOptions) {
    super();
    const left = halved("simple_modular", size, 5);
    this.size = size;
    this.fc1 = new Linear(512 * product(left), 1024);
    this.drop = new Dropout(dropout);
    this.fc3 = new Linear(512, classes);
  }

  override forward(x_B1HWD: Tensor): Tensor {
    checkShape("simple_modular", x_B1HWD, [null, 1, ...this.size]);
    let maps = x_B1HWD;
    for (const block of [this.conv1, this.conv2, this.conv3, this.conv4, this.conv5])
      maps = F.maxPool3d(block.forward(maps), 2);
    const hidden = this.drop.forward(this.fc1.forward(maps.flatten(1)).relu());
    return this.fc3.forward(this.fc2.forward(hidden));
  }
}

export const simpleModular = defineNetwork({
  name: "simple_modular",
  source: published,
  architecture: "5 blocks 32-64-128-256-512, 1024-512-K",
  camLayers: blockLayers,
  published: { dataset: "3d", settings: { method: "3d", network: { model: "simple_modular" } } },
  create: ({ outputs, ...shape }) => new SimpleModular({ ...shape, classes: outputs }),
  recognise: (shapes) => {
    const blocks = fiveBlocks(shapes);
    if (blocks === null || shapes("se1.fc.0.weight") !== undefined) return null;
    const cells = quotient(inputs(shapes, "fc1"), outputsOf(shapes, "conv5.conv"));
    return { ...blocks, model: "simple_modular", inputSize: publishedSize(cells, 32) };
  },
});
