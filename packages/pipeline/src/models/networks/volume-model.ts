/** Models that are trained on whole volumes: 3D networks, and networks that contain a slice model. */
import type { Tensor } from "@slicestack/torch";
import { Module } from "@slicestack/torch/nn";
import type { VolumeSize } from "../common/input-sizes.js";
import type { CamLayers } from "../cam-layers.js";
import { softmaxOutputs, type ClassOutputs } from "../outputs.js";

/** B volumes, one channel, H height, W width, D slices (in slice order), K classes. The axis order is the published weights'. */
export abstract class VolumeModel extends Module {
  /** How its outputs are interpreted; set when the model is created, as its loss requires. */
  outputs: ClassOutputs = softmaxOutputs;
  /** The layers that Grad-CAM can use; set when the model is created. */
  camLayers: CamLayers = [];
  /** Height, width and slices that the model was created for. */
  abstract readonly size: VolumeSize;
  /** x_B1HWD → logits_BK @throws ModelError if the size of x does not fit */
  abstract forward(x_B1HWD: Tensor): Tensor;
}

export interface VolumeModelOptions {
  classes: number;
  size: VolumeSize;
  /** Default: the published value. */
  dropout?: number;
}
