/**
 * The published slice model: a ResNet trunk and the head F-512-256-K, ReLU and dropout between.
 * Garg, Garg, Duncan: 2.5 CNN, Electronics 14(13), 2571, 2025. Parameter names are the published code's.
 * The embedding is what the last linear layer sees: 256 values after ReLU and dropout.
 */
import type { Tensor } from "@slicestack/torch";
import { Dropout, Linear, ReLU, Sequential } from "@slicestack/torch/nn";
import { ResNet, type ResNetDepth } from "./resnet.js";
import { SliceModel } from "./slice-model.js";

export interface CustomResNetOptions {
  depth: ResNetDepth;
  classes: number;
  dropout: number;
  /** Default 3, as ImageNet's weights have it. */
  channels?: number;
}

export class CustomResNet extends SliceModel {
  readonly channels: number;
  readonly embedding = 256;
  readonly mapChannels: number;
  readonly resnet: ResNet;
  readonly custom_layers: Sequential;
  readonly #classifier: Linear;

  constructor({ depth, classes, dropout, channels = 3 }: CustomResNetOptions) {
    super();
    this.channels = channels;
    this.resnet = new ResNet(depth, channels);
    this.mapChannels = this.resnet.features;
    this.#classifier = new Linear(this.embedding, classes);
    this.custom_layers = new Sequential(
      new Linear(this.resnet.features, 512),
      new ReLU(),
      new Dropout(dropout),
      new Linear(512, this.embedding),
      new ReLU(),
      new Dropout(dropout),
      this.#classifier,
    );
  }

  override featureMaps(x_BCHW: Tensor): Tensor {
    return this.resnet.maps(x_BCHW);
  }

  override embed(x_BCHW: Tensor): Tensor {
    let hidden = this.resnet.forward(x_BCHW);
    for (const layer of [...this.custom_layers].slice(0, -1)) hidden = layer.forward(hidden);
    return hidden;
  }

  override get classifier(): Linear {
    return this.#classifier;
  }

  override classify(embedding_BE: Tensor): Tensor {
    return this.#classifier.forward(embedding_BE);
  }
}
