/** What is trained on whole volumes: the 3D models, and those that hold a slice model inside. */
import type { Tensor } from "@slicestack/torch";
import { Module } from "@slicestack/torch/nn";
import type { VolumeSize } from "../common/sizes.js";
import type { CamLayers } from "../cam-layers.js";
import { softmaxOutputs, type ClassOutputs } from "../outputs.js";

/** B volumes, one channel, H height, W width, D slices (in slice order), K classes. The axis order is the published weights'. */
export abstract class VolumeModel extends Module {
  /** How its outputs are read; set to what the loss asks for where the model is created. */
  outputs: ClassOutputs = softmaxOutputs;
  /** Layers that Grad-CAM may look at; set where the model is created. */
  camLayers: CamLayers = [];
  /** Height, width and slices that the model was made for. */
  abstract readonly size: VolumeSize;
  /** x_B1HWD → logits_BK @throws ModelError where x has a size that does not fit */
  abstract forward(x_B1HWD: Tensor): Tensor;
}

export interface VolumeModelOptions {
  classes: number;
  size: VolumeSize;
  /** Default: the published one. */
  dropout?: number;
}
