/** What the slice stage trains and the volume stage takes its embeddings from. */
import type { Tensor } from "@slicestack/torch";
import { Module } from "@slicestack/torch/nn";
import type { CamLayers } from "../cam-layers.js";
import { softmaxOutputs, type ClassOutputs } from "../outputs.js";

/** B slices, C input channels, H height, W width, E embedding, O outputs, F channels of the last maps of h x w. */
export abstract class SliceModel extends Module {
  /** Channels of the input: HU windows times neighbouring slices; by default 3 where the trunk expects a colour image, else 1. */
  abstract readonly channels: number;
  /** Width E of the embedding. */
  abstract readonly embedding: number;
  /** Channels F of the last feature maps. */
  abstract readonly mapChannels: number;
  /** x_BCHW → maps_BFhw, the last maps before they are pooled or flattened. */
  abstract featureMaps(x_BCHW: Tensor): Tensor;
  /** How its outputs are read; set to what the loss asks for where the model is created. */
  outputs: ClassOutputs = softmaxOutputs;
  /** Layers that Grad-CAM may look at; set where the model is created. */
  camLayers: CamLayers = [];
  /** x_BCHW → embedding_BE, what the last layer sees. */
  abstract embed(x_BCHW: Tensor): Tensor;
  /** embedding_BE → logits_BO */
  abstract classify(embedding_BE: Tensor): Tensor;

  /** The part that takes torchvision's weights for ImageNet, by their names; null where it has none. */
  get pretrained(): Module | null {
    return null;
  }

  /** The layer that `classify` has and `embed` has not: where the embedding alone is trained, it takes no gradient. */
  get classifier(): Module | null {
    return null;
  }

  /** x_BCHW → logits_BO */
  forward(x_BCHW: Tensor): Tensor {
    return this.classify(this.embed(x_BCHW));
  }
}
