/** Slice models, which the slice stage trains and which compute the embeddings for the volume stage. */
import type { Tensor } from "@slicestack/torch";
import { Module } from "@slicestack/torch/nn";
import type { CamLayers } from "../cam-layers.js";
import { softmaxOutputs, type ClassOutputs } from "../outputs.js";

/** B slices, C input channels, H height, W width, E embedding, O outputs, F channels of the last maps of h x w. */
export abstract class SliceModel extends Module {
  /** Input channels: HU windows times neighbouring slices. By default 3 if the trunk expects a colour image, otherwise 1. */
  abstract readonly channels: number;
  /** Width E of the embedding. */
  abstract readonly embedding: number;
  /** Channels F of the last feature maps. */
  abstract readonly mapChannels: number;
  /** x_BCHW → maps_BFhw, the last maps before they are pooled or flattened. */
  abstract featureMaps(x_BCHW: Tensor): Tensor;
  /** How its outputs are interpreted; set when the model is created, as its loss requires. */
  outputs: ClassOutputs = softmaxOutputs;
  /** The layers that Grad-CAM can use; set when the model is created. */
  camLayers: CamLayers = [];
  /** x_BCHW → embedding_BE, the input of the last layer. */
  abstract embed(x_BCHW: Tensor): Tensor;
  /** embedding_BE → logits_BO */
  abstract classify(embedding_BE: Tensor): Tensor;

  /** The submodule that pretrained weights of other programs can be loaded into; null if there is none. */
  get pretrained(): Module | null {
    return null;
  }

  /** The name, in `pretrained`, of the weight of the first layer, whose input channels are adapted. */
  get firstLayer(): string {
    return "conv1.weight";
  }

  /** The tensors of a pretrained file under the names of `pretrained`, without its classifier. */
  adoptPretrained(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
    return new Map([...tensors].filter(([name]) => !name.startsWith("fc.")));
  }

  /** The layer that only `classify` uses: if only the embedding is trained, it receives no gradient. */
  get classifier(): Module | null {
    return null;
  }

  /** x_BCHW → logits_BO */
  forward(x_BCHW: Tensor): Tensor {
    return this.classify(this.embed(x_BCHW));
  }
}
