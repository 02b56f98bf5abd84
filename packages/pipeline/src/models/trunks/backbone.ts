/** Slice models that are a backbone and one linear layer, as the image classifiers of their papers are. */
import type { Tensor } from "@slicestack/torch";
import { Dropout, Linear, Module } from "@slicestack/torch/nn";
import { SliceModel } from "./slice-model.js";

type Tensors = ReadonlyMap<string, Tensor>;

/** The layers before the classifier. B slices, C channels, H height, W width, F features, M maps of h x w. */
export abstract class Backbone extends Module {
  /** Number F of its features. */
  abstract readonly width: number;
  /** Number M of the last maps. */
  abstract readonly mapChannels: number;
  /** The name of the weight of its first layer, whose input channels can be adapted. */
  abstract readonly first: string;
  /** x_BCHW → maps_BMhw */
  abstract maps(x_BCHW: Tensor): Tensor;
  /** x_BCHW → features_BF */
  abstract forward(x_BCHW: Tensor): Tensor;
  /**
   * The tensors of another program's file under the names of this backbone; those of its classifier are left out, and names
   * that are unknown stay as they are.
   */
  abstract rename(tensors: Tensors): Map<string, Tensor>;
}

/** The embedding is the backbone's features, after dropout in training. */
export class BackboneModel extends SliceModel {
  readonly embedding: number;
  readonly mapChannels: number;
  readonly dropout: Dropout;
  readonly linear: Linear;

  constructor(
    readonly backbone: Backbone,
    readonly channels: number,
    shape: { outputs: number; dropout: number },
  ) {
    super();
    this.embedding = backbone.width;
    this.mapChannels = backbone.mapChannels;
    this.dropout = new Dropout(shape.dropout);
    this.linear = new Linear(backbone.width, shape.outputs);
  }

  override featureMaps(x_BCHW: Tensor): Tensor {
    return this.backbone.maps(x_BCHW);
  }

  override embed(x_BCHW: Tensor): Tensor {
    return this.dropout.forward(this.backbone.forward(x_BCHW));
  }

  override get pretrained(): Module {
    return this.backbone;
  }

  override get firstLayer(): string {
    return this.backbone.first;
  }

  override adoptPretrained(tensors: Tensors): Map<string, Tensor> {
    return this.backbone.rename(tensors);
  }

  override get classifier(): Linear {
    return this.linear;
  }

  override classify(embedding_BE: Tensor): Tensor {
    return this.linear.forward(embedding_BE);
  }
}

/** Renames tensors. @param rule null: the tensor belongs to a classifier and is left out */
export function renamed(tensors: Tensors, rule: (name: string) => string | null): Map<string, Tensor> {
  return new Map(
    [...tensors].flatMap(([name, tensor]): [string, Tensor][] => {
      const own = rule(name);
      return own === null ? [] : [[own, tensor]];
    }),
  );
}
