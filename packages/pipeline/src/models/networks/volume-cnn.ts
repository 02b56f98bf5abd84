/**
 * The published model `volume_cnn`: one `slice_cnn`, shared by all slices of a volume, whose features are concatenated,
 * then 512, 128, K with ReLU between them; trained end to end.
 * Garg, Garg, Duncan: 2.5 CNN, Electronics 14(13), 2571, 2025. Parameter names are the published code's; `slice_cnn.fc3` is
 * declared but unused there, too (K classes, as in `2d_cnn`).
 * B volumes, S slices, E = 128 features per slice.
 */
import type { Tensor } from "@slicestack/torch";
import { Linear } from "@slicestack/torch/nn";
import { checkShape, type VolumeSize } from "../common/input-sizes.js";
import { slicesOf } from "../common/slices-of.js";
import { published2dCnn, SliceCnn, sliceCnn } from "../trunks/slice-cnn.js";
import { VolumeModel, type VolumeModelOptions } from "./volume-model.js";
import { published } from "../common/published-source.js";
import { defineNetwork } from "../component.js";
import { below, inputs, outputs as outputsOf, quotient } from "../recognition.js";

export class VolumeCnn extends VolumeModel {
  readonly unused: readonly string[] = ["slice_cnn.fc3"];

  readonly size: VolumeSize;
  readonly slice_cnn: SliceCnn;
  readonly fc1: Linear;
  readonly fc2 = new Linear(512, 128);
  readonly fc3: Linear;

  constructor({ classes, size, dropout = 0 }: VolumeModelOptions) {
    super();
    const [height, width, slices] = size;
    this.size = size;
    this.slice_cnn = new SliceCnn({ classes, dropout, size: [height, width] });
    this.fc1 = new Linear(slices * this.slice_cnn.embedding, 512);
    this.fc3 = new Linear(128, classes);
  }

  override forward(x_B1HWD: Tensor): Tensor {
    checkShape("volume_cnn", x_B1HWD, [null, 1, ...this.size]);
    const embedding_NE = this.slice_cnn.embed(slicesOf(x_B1HWD));
    const stacked_BF = embedding_NE.reshape(x_B1HWD.size(0), x_B1HWD.size(4) * this.slice_cnn.embedding);
    return this.fc3.forward(this.fc2.forward(this.fc1.forward(stacked_BF).relu()).relu());
  }
}

export const volumeCnn = defineNetwork({
  name: "volume_cnn",
  source: published,
  architecture: `one ${sliceCnn.name} for all slices, 512-128-K`,
  camLayers: sliceCnn.camLayers!.map(([layer, stride]) => [`slice_cnn.${layer}`, stride] as const),
  published: { dataset: "3d", settings: { method: "3d", network: { model: "volume_cnn" } } },
  create: ({ outputs, ...shape }) => new VolumeCnn({ ...shape, classes: outputs }),
  recognise: (shapes) => {
    const slice = published2dCnn.recognise?.(below(shapes, "slice_cnn.")) ?? null;
    if (slice === null || shapes("fc1.weight") === undefined) return null;
    const slices = quotient(inputs(shapes, "fc1"), slice.embedding ?? null);
    const size = slice.inputSize ?? null;
    return {
      ...slice,
      model: "volume_cnn",
      alike: [],
      classes: outputsOf(shapes, "fc3"),
      slices,
      inputSize: size === null || slices === null ? null : [...size, slices],
    };
  },
});
