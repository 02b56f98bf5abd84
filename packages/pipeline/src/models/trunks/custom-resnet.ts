/**
 * The published slice model: a ResNet trunk and the head F-512-256-K with ReLU and dropout between the layers.
 * Garg, Garg, Duncan: 2.5 CNN, Electronics 14(13), 2571, 2025. Parameter names are the published code's.
 * The embedding is the input of the last linear layer: 256 values after ReLU and dropout.
 */
import type { Tensor } from "@slicestack/torch";
import { Dropout, Linear, ReLU, Sequential, type Module } from "@slicestack/torch/nn";
import { ResNet, type ResNetDepth } from "./resnet.js";
import { SliceModel } from "./slice-model.js";
import { published } from "../common/published-source.js";
import { defineTrunk } from "../component.js";
import type { PublishedName } from "../../config/components.js";
import { asGrey, below, outputs as outputsOf, type Shapes } from "../recognition.js";
import { fromTorchvision, isTorchvision, residualLayers, torchvisionName } from "./torchvision.js";

export interface CustomResNetOptions {
  depth: ResNetDepth;
  classes: number;
  dropout: number;
  /** Default 3, as in weights for ImageNet. */
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

  override get pretrained(): Module {
    return this.resnet;
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

const publishedName = "custom_resnet";

type ResNetFacts = Pick<
  Parameters<typeof defineTrunk>[0],
  "source" | "architecture" | "planned" | "recognise"
>;

function residualTrunk(
  name: string,
  depth: ResNetDepth,
  facts: ResNetFacts & { published?: PublishedName; hint?: string; signature?: string },
) {
  return defineTrunk({
    name,
    ...facts,
    channels: 3,
    depth,
    // For slices of at most 32 x 32, the last maps have one pixel: batch norm over a single slice would take the statistics
    // of a single value.
    leastSlices: ([height, width]) => (Math.max(height, width) <= 32 ? 2 : 1),
    camLayers: [1, 2, 3, 4].map((k) => [`resnet.layer${k}`, 2 ** (k + 1)] as const),
    create: ({ outputs, dropout, channels }) =>
      new CustomResNet({ depth, classes: outputs, dropout, channels }),
    adopt: (file, tensors, guess) =>
      isTorchvision(guess)
        ? fromTorchvision(file, tensors, guess, publishedName)
        : { ...asGrey(tensors, "resnet.conv1.weight"), guess },
  });
}

export const customResnet = residualTrunk(publishedName, 50, {
  source: published,
  architecture: "ResNet-50 trunk, 2048-512-256-K",
  hint: "ResNet-50 with the head 2048-512-256-C",
  published: { dataset: "2d", settings: { method: "2d", slice: { model: publishedName } } },
  signature: "resnet.conv1.weight, custom_layers.0.weight",
  recognise: (shapes) => {
    const layers = residualLayers(below(shapes, "resnet."));
    if (layers === null || shapes("custom_layers.0.weight") === undefined) return null;
    const [classes, embedding] = [outputsOf(shapes, "custom_layers.6"), outputsOf(shapes, "custom_layers.3")];
    return { model: publishedName, ...layers, classes, embedding };
  },
});

const heEtAl = "He et al., CVPR 2016; torchvision's names";
const torchvisionOf = (depth: ResNetDepth) => (shapes: Shapes) => {
  const layers = residualLayers(shapes);
  return layers?.depth === depth
    ? { model: torchvisionName(depth), ...layers, classes: outputsOf(shapes, "fc") }
    : null;
};

export const resnet18 = residualTrunk("resnet18", 18, {
  source: heEtAl,
  architecture: "ResNet-18 trunk, 512-512-256-K",
  planned: "much data or pretrained weights",
  signature: "torchvision: conv1.weight, fc.weight",
  recognise: torchvisionOf(18),
});

export const resnet34 = residualTrunk("resnet34", 34, {
  source: heEtAl,
  architecture: "ResNet-34 trunk, 512-512-256-K",
  signature: "torchvision: conv1.weight, fc.weight",
  recognise: torchvisionOf(34),
});

export const resnet50 = residualTrunk("resnet50", 50, {
  source: heEtAl,
  architecture: "custom_resnet under another name",
  planned: "pretrained weights",
  signature: "torchvision: conv1.weight, fc.weight",
  recognise: torchvisionOf(50),
});
