/**
 * EfficientNet B0 to B4: Tan and Le, ICML 2019; V2-S: Tan and Le: EfficientNetV2, ICML 2021; Lite0: Google's variant for
 * integer arithmetic, without squeeze-and-excitation and with ReLU6. Parameter names are torchvision's; its `classifier` is
 * not part of the trunk. B slices, C channels, H height, W width, F features.
 */
import { noGrad, type Tensor } from "@slicestack/torch";
import { AdaptiveAvgPool2d, Conv2d, init, Sequential } from "@slicestack/torch/nn";
import { z } from "zod";
import { key } from "../../config/notes.js";
import { dropPathOf, dropPathOption } from "../common/drop-path.js";
import { freeingIntermediates } from "../common/freeing-intermediates.js";
import { defineTrunk } from "../component.js";
import { below, outputs as outputsOf, type Shapes } from "../recognition.js";
import { Backbone, BackboneModel, renamed } from "./backbone.js";
import {
  ConvNorm,
  divisible,
  InvertedResidual,
  type BlockSettings,
  type Style,
} from "./efficientnet-blocks.js";
import { efficientNetNames, type Stages } from "./efficientnet-names.js";

/** A row of the paper's table. */
type Stage = Pick<BlockSettings, "kind" | "expand" | "kernel" | "stride"> & {
  outputs: number;
  blocks: number;
};

interface Layout {
  stem: number;
  stages: readonly Stage[];
  last: number;
  activation: Style["activation"];
  /** Of batch norm, in weights that were trained with PyTorch. */
  eps: number;
}

/** Where weights were trained: padding, eps and momentum differ. */
type Origin = Style["padding"];

export class EfficientNet extends Backbone {
  readonly features: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(1);
  override readonly first = "features.0.0.weight";
  override readonly width: number;
  override readonly mapChannels: number;
  readonly #stages: Stages;

  /** @param drop the probability of stochastic depth after the last block */
  constructor(layout: Layout, channels: number, { origin, drop }: { origin: Origin; drop: number }) {
    super();
    const { stem, stages, last, activation } = layout;
    const norm = origin === "tensorflow" ? { eps: 1e-3, momentum: 0.01 } : { eps: layout.eps, momentum: 0.1 };
    const style: Style = { activation, norm, padding: origin };
    const blocks = stages.reduce((sum, stage) => sum + stage.blocks, 0);
    let [inputs, block] = [stem, 0];
    const layers: Sequential[] = [];
    for (const { outputs, blocks: count, stride, ...kind } of stages) {
      const stage = Array.from({ length: count }, (_, k) => {
        const dropped = dropPathOf(drop, block++, blocks);
        const settings = { ...kind, inputs, outputs, stride: k === 0 ? stride : 1, dropPath: dropped };
        inputs = outputs;
        return new InvertedResidual(settings, style);
      });
      layers.push(new Sequential(...stage));
    }
    this.features = new Sequential(
      new ConvNorm(channels, stem, { kernel: 3, stride: 2 }, style),
      ...layers,
      new ConvNorm(inputs, last, { kernel: 1, stride: 1 }, style),
    );
    this.width = this.mapChannels = last;
    this.#stages = namedStages(layout);
    // torchvision's initialisation: He's normal distribution over the fan out.
    for (const module of this.namedModules().values())
      if (module instanceof Conv2d) {
        init.kaimingNormal_(module.weight, "fanOut");
        const { bias } = module;
        if (bias !== null) noGrad(() => bias.fill_(0));
      }
  }

  /** x_BCHW → maps_BFhw: h = H / 32 and w = W / 32, rounded up */
  override maps(x_BCHW: Tensor): Tensor {
    let maps = x_BCHW;
    for (const stage of this.features)
      for (const layer of stage instanceof ConvNorm ? [stage] : (stage as Sequential))
        maps = freeingIntermediates(() => layer.forward(maps));
    return maps;
  }

  override forward(x_BCHW: Tensor): Tensor {
    return this.avgpool.forward(this.maps(x_BCHW)).flatten(1);
  }

  override rename(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
    return renamed(tensors, efficientNetNames(tensors.keys(), this.#stages));
  }
}

const namedStages = ({ stages }: Layout): Stages =>
  stages.map(({ kind, expand, blocks }) =>
    Array.from({ length: blocks }, () => ({
      isExpanding: expand !== 1,
      hasExcitation: kind === "mbconv",
      isFused: kind === "fused",
    })),
  );

const stage = (
  kind: Stage["kind"],
  [expand, kernel, stride, outputs, blocks]: [number, number, number, number, number],
): Stage => ({ kind, expand, kernel, stride, outputs, blocks });

/** @param wide factor of the channels   @param deep factor of the blocks   @param kind of the blocks */
function layoutOf(wide: number, deep: number, kind: Stage["kind"] = "mbconv"): Layout {
  const rows: [number, number, number, number, number][] = [
    [1, 3, 1, 16, 1],
    [6, 3, 2, 24, 2],
    [6, 5, 2, 40, 2],
    [6, 3, 2, 80, 3],
    [6, 5, 1, 112, 3],
    [6, 5, 2, 192, 4],
    [6, 3, 1, 320, 1],
  ];
  return {
    stem: divisible(32 * wide),
    stages: rows.map(([expand, kernel, stride, outputs, blocks]) =>
      stage(kind, [expand, kernel, stride, divisible(outputs * wide), Math.ceil(blocks * deep)]),
    ),
    last: 4 * divisible(320 * wide),
    activation: "silu",
    eps: 1e-5,
  };
}

const lite0: Layout = { ...layoutOf(1, 1, "mbconv-without-se"), activation: "relu6" };

const v2s: Layout = {
  stem: 24,
  stages: [
    stage("fused", [1, 3, 1, 24, 2]),
    stage("fused", [4, 3, 2, 48, 4]),
    stage("fused", [4, 3, 2, 64, 4]),
    stage("mbconv", [4, 3, 2, 128, 6]),
    stage("mbconv", [6, 3, 1, 160, 9]),
    stage("mbconv", [6, 3, 2, 256, 15]),
  ],
  last: 1280,
  activation: "silu",
  eps: 1e-3,
};

/** Depth of the layers that end a stage of a resolution, with the factor by which their maps are smaller. */
function camLayersOf({ stages }: Layout): [string, number][] {
  let stride = 2;
  const ends = stages.map(
    (one, k) => [`backbone.features.${k + 1}`, (stride *= one.stride)] as [string, number],
  );
  return ends.filter(([, factor], k) => factor !== ends[k + 1]?.[1]);
}

const optionsWith = (origin: Origin) =>
  z.strictObject({
    drop_path: dropPathOption(),
    origin: key(
      z.enum(["torch", "tensorflow"]).default(origin),
      "torch or tensorflow",
      "Where pretrained weights were trained: TensorFlow pads strided convolutions on one side and has another eps in batch norm (tf_ in the names of timm)",
    ),
  });

function efficientNet(name: string, layout: Layout, facts: { source: string; origin?: Origin }) {
  const { source, origin: usual = "torch" } = facts;
  return defineTrunk({
    name,
    source,
    architecture: `${name} trunk, ${layout.last}-K`,
    options: optionsWith(usual),
    channels: 3,
    // As for ResNets: batch norm over one value per channel has no variance.
    leastSlices: ([height, width]) => (Math.max(height, width) <= 32 ? 2 : 1),
    camLayers: camLayersOf(layout),
    create: ({ outputs, dropout, channels }, { drop_path: drop, origin }) =>
      new BackboneModel(new EfficientNet(layout, channels, { origin, drop }), channels, { outputs, dropout }),
    signature: "backbone.features.0.0.weight, linear.weight",
    recognise: (shapes) => {
      const own = below(shapes, "backbone.");
      if (!isLayout(own, layout)) return null;
      const stem = own("features.0.0.weight");
      return {
        model: name,
        classes: outputsOf(shapes, "linear"),
        embedding: layout.last,
        channels: stem?.[1] ?? null,
      };
    },
  });
}

/** By the number of blocks and the channels of each stage. */
function isLayout(shapes: Shapes, { stem, stages, last }: Layout): boolean {
  if (shapes("features.0.0.weight")?.[0] !== stem) return false;
  if (shapes(`features.${stages.length + 1}.0.weight`)?.[0] !== last) return false;
  return stages.every(({ kind, blocks, expand, outputs }, k) => {
    const pairs = (kind === "fused" ? 0 : 1) + (expand === 1 ? 0 : 1) + (kind === "mbconv" ? 1 : 0);
    const project = (block: number) => shapes(`features.${k + 1}.${block}.block.${pairs}.0.weight`);
    return project(blocks - 1)?.[0] === outputs && project(blocks) === undefined;
  });
}

const paper = "Tan and Le, ICML 2019; torchvision's names";
export const efficientNetLite0 = efficientNet("efficientnet_lite0", lite0, {
  source: "Google, TensorFlow TPU models, 2020; after Tan and Le, ICML 2019",
  origin: "tensorflow",
});
export const efficientNetB0 = efficientNet("efficientnet_b0", layoutOf(1, 1), { source: paper });
export const efficientNetB1 = efficientNet("efficientnet_b1", layoutOf(1, 1.1), { source: paper });
export const efficientNetB2 = efficientNet("efficientnet_b2", layoutOf(1.1, 1.2), { source: paper });
export const efficientNetB3 = efficientNet("efficientnet_b3", layoutOf(1.2, 1.4), { source: paper });
export const efficientNetB4 = efficientNet("efficientnet_b4", layoutOf(1.4, 1.8), { source: paper });
export const efficientNetV2S = efficientNet("efficientnet_v2_s", v2s, {
  source: "Tan and Le, ICML 2021; torchvision's names",
});
