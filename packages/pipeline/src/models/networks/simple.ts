/**
 * The published 3D model `simple`: three blocks 1-64-128-256, each pooled by 2, then 512, K.
 * Garg, Garg, Duncan: 2.5 CNN, Electronics 14(13), 2571, 2025. Parameter names are the published code's.
 * Nearly all of its parameters are in `fc1`: 268 million at 128 x 128 x 64.
 */
import { functional as F, type Tensor } from "@slicestack/torch";
import { BatchNorm3d, Conv3d, Dropout, Linear } from "@slicestack/torch/nn";
import { checkShape, halved, product, type VolumeSize } from "../common/input-sizes.js";
import { VolumeModel, type VolumeModelOptions } from "./volume-model.js";
import { published } from "../common/published-source.js";
import { defineNetwork } from "../component.js";
import { inputs, outputs as outputsOf, publishedSize, quotient } from "../recognition.js";

export class Simple extends VolumeModel {
  /**
   * Layers that the published code declares but never uses. Their widths are not stated; each is assumed to double the one
   * before, as in the layers that are used. They receive no gradient, so that training does not change them.
   */
  readonly unused: readonly string[] = ["conv4", "conv5", "bn4", "bn5"];

  /** Its name in the zoo, for error messages. */
  protected get zooName(): string {
    return "simple";
  }
  readonly size: VolumeSize;
  readonly conv1 = new Conv3d(1, 64, 3, { padding: 1 });
  readonly bn1 = new BatchNorm3d(64);
  readonly conv2 = new Conv3d(64, 128, 3, { padding: 1 });
  readonly bn2 = new BatchNorm3d(128);
  readonly conv3 = new Conv3d(128, 256, 3, { padding: 1 });
  readonly bn3 = new BatchNorm3d(256);
  readonly conv4 = new Conv3d(256, 512, 3, { padding: 1 });
  readonly bn4 = new BatchNorm3d(512);
  readonly conv5 = new Conv3d(512, 1024, 3, { padding: 1 });
  readonly bn5 = new BatchNorm3d(1024);
  readonly fc1: Linear;
  readonly drop: Dropout;
  readonly fc2: Linear;

  constructor({ classes, size, dropout = 0.1 }: VolumeModelOptions) {
    super();
    const left = halved(this.zooName, size, 3);
    this.size = size;
    this.fc1 = new Linear(256 * product(left), 512);
    this.drop = new Dropout(dropout);
    this.fc2 = new Linear(512, classes);
  }

  override forward(x_B1HWD: Tensor): Tensor {
    checkShape(this.zooName, x_B1HWD, [null, 1, ...this.size]);
    let maps = x_B1HWD;
    for (const [conv, norm] of [
      [this.conv1, this.bn1] as const,
      [this.conv2, this.bn2] as const,
      [this.conv3, this.bn3] as const,
    ])
      maps = F.maxPool3d(norm.forward(conv.forward(maps)).relu(), 2);
    return this.fc2.forward(this.drop.forward(this.fc1.forward(maps.flatten(1)).relu()));
  }
}

const convolutions = [
  ["bn1", 1],
  ["bn2", 2],
  ["bn3", 4],
] as const;

export const simple = defineNetwork({
  name: "simple",
  source: published,
  architecture: "3 blocks 64-128-256, 512, dropout 0.1, K",
  camLayers: convolutions,
  published: { dataset: "3d", settings: { method: "3d", network: { model: "simple" } } },
  create: ({ outputs, ...shape }) => new Simple({ ...shape, classes: outputs }),
  recognise: (shapes) => {
    const [first, third] = [shapes("conv1.weight"), shapes("conv3.weight")];
    if (first?.length !== 5 || third?.length !== 5 || shapes("fc2.weight") === undefined) return null;
    return {
      model: "simple",
      channels: first[1] ?? null,
      classes: outputsOf(shapes, "fc2"),
      inputSize: publishedSize(quotient(inputs(shapes, "fc1"), third[0] ?? null), 8),
    };
  },
});
