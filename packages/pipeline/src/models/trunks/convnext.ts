/**
 * ConvNeXt tiny and small. Liu, Mao, Wu, Feichtenhofer, Darrell, Xie: A ConvNet for the 2020s, CVPR 2022. Parameter names are
 * torchvision's, but for `norm`, which is its `classifier.0`. B slices, C channels, H height, W width, F features.
 */
import { full, noGrad, type Tensor } from "@slicestack/torch";
import {
  Conv2d,
  GELU,
  init,
  LayerNorm,
  Linear,
  Module,
  Parameter,
  Sequential,
  type Layer,
} from "@slicestack/torch/nn";
import { z } from "zod";
import { dropPath, dropPathOf, dropPathOption } from "../common/drop-path.js";
import { freeingIntermediates } from "../common/freeing-intermediates.js";
import { halved } from "../common/input-sizes.js";
import { defineTrunk } from "../component.js";
import { below, outputs as outputsOf } from "../recognition.js";
import { Backbone, BackboneModel, renamed } from "./backbone.js";

const EPS = 1e-6;

/** Norm over the channels of maps: x_BCHW → y_BCHW */
class ChannelNorm extends LayerNorm {
  constructor(channels: number) {
    super(channels, { eps: EPS });
  }

  override forward(x_BCHW: Tensor): Tensor {
    return super.forward(x_BCHW.permute(0, 2, 3, 1)).permute(0, 3, 1, 2);
  }
}

/** Makes a layer of `block` that only moves dimensions, as torchvision has it: it holds a place in the names. */
class Permute extends Module {
  constructor(readonly order: readonly number[]) {
    super();
  }

  forward(x: Tensor): Tensor {
    return x.permute(...this.order);
  }
}

class Block extends Module {
  readonly layer_scale: Parameter;
  readonly block: Sequential;

  constructor(
    channels: number,
    readonly drop: number,
  ) {
    super();
    this.layer_scale = new Parameter(full([channels, 1, 1], 1e-6));
    this.block = new Sequential(
      new Conv2d(channels, channels, 7, { padding: 3, groups: channels }),
      new Permute([0, 2, 3, 1]),
      new LayerNorm(channels, { eps: EPS }),
      new Linear(channels, 4 * channels),
      new GELU(),
      new Linear(4 * channels, channels),
      new Permute([0, 3, 1, 2]),
    );
  }

  forward(x_BCHW: Tensor): Tensor {
    const added_BCHW = this.block.forward(x_BCHW).mul(this.layer_scale);
    return x_BCHW.add(dropPath(added_BCHW, this.drop, this.training));
  }
}

interface Layout {
  widths: readonly number[];
  blocks: readonly number[];
}

export class ConvNeXt extends Backbone {
  override readonly first = "features.0.0.weight";
  override readonly width: number;
  override readonly mapChannels: number;
  readonly features: Sequential;
  readonly norm: LayerNorm;

  /** @param drop the probability of stochastic depth after the last block */
  constructor({ widths, blocks }: Layout, channels: number, drop: number) {
    super();
    const total = blocks.reduce((sum, count) => sum + count, 0);
    let block = 0;
    const layers: Layer[] = [];
    widths.forEach((width, stage) => {
      const before = widths[stage - 1];
      layers.push(
        before === undefined
          ? new Sequential(new Conv2d(channels, width, 4, { stride: 4 }), new ChannelNorm(width))
          : new Sequential(new ChannelNorm(before), new Conv2d(before, width, 2, { stride: 2 })),
        new Sequential(
          Array.from(
            { length: blocks[stage]! },
            () => new Block(width, dropPathOf(drop, block++, total - 1)),
          ),
        ),
      );
    });
    this.features = new Sequential(layers);
    this.width = this.mapChannels = widths.at(-1)!;
    this.norm = new LayerNorm(this.width, { eps: EPS });
    // The paper's initialisation: normal with standard deviation 0.02, biases 0.
    for (const module of this.namedModules().values())
      if (module instanceof Conv2d || module instanceof Linear) {
        const { bias } = module;
        init.normal_(module.weight, 0, 0.02);
        if (bias !== null) noGrad(() => bias.fill_(0));
      }
  }

  /** x_BCHW → maps_BFhw: h = H / 32 and w = W / 32, rounded down */
  override maps(x_BCHW: Tensor): Tensor {
    let maps = x_BCHW;
    for (const stage of this.features)
      for (const layer of stage as Sequential) maps = freeingIntermediates(() => layer.forward(maps));
    return maps;
  }

  override forward(x_BCHW: Tensor): Tensor {
    return this.norm.forward(this.maps(x_BCHW).mean([2, 3]));
  }

  override rename(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
    const own = renamed(tensors, ownName);
    const shaped = [...own].map(([name, tensor]): [string, Tensor] => [
      name,
      name.endsWith(".layer_scale") && tensor.dim === 1 ? tensor.reshape(-1, 1, 1) : tensor,
    ]);
    return new Map(shaped);
  }
}

/** torchvision's and timm's names. */
function ownName(name: string): string | null {
  if (name.startsWith("classifier.0.")) return name.replace("classifier.0", "norm");
  if (name.startsWith("head.norm.")) return name.replace("head.norm", "norm");
  if (/^(classifier|head)\./.test(name)) return null;
  const stage = (number: string) => 2 * Number(number) + 1;
  return name
    .replace(/^stem\.([01])\./, "features.0.$1.")
    .replace(
      /^stages\.(\d)\.downsample\.([01])\./,
      (_, number: string, k: string) => `features.${2 * Number(number)}.${k}.`,
    )
    .replace(
      /^stages\.(\d)\.blocks\.(\d+)\.gamma$/,
      (_, number: string, k: string) => `features.${stage(number)}.${k}.layer_scale`,
    )
    .replace(
      /^stages\.(\d)\.blocks\.(\d+)\.(conv_dw|norm|mlp\.fc1|mlp\.fc2)\./,
      (_, number: string, k: string, layer: string) =>
        `features.${stage(number)}.${k}.block.${{ conv_dw: 0, norm: 2, "mlp.fc1": 3, "mlp.fc2": 5 }[layer]}.`,
    );
}

const options = z.strictObject({
  drop_path: dropPathOption(),
});

function convNext(name: string, layout: Layout) {
  const deepest = layout.blocks[2]!;
  const last = layout.widths.at(-1)!;
  return defineTrunk({
    name,
    source: "Liu et al., CVPR 2022; torchvision's names",
    architecture: `${name} trunk, ${last}-K`,
    options,
    channels: 3,
    camLayers: [0, 1, 2, 3].map((k) => [`backbone.features.${2 * k + 1}`, 2 ** (k + 2)] as const),
    create: ({ outputs, dropout, channels, size }, { drop_path: drop }) => {
      halved(name, size, 5);
      return new BackboneModel(new ConvNeXt(layout, channels, drop), channels, { outputs, dropout });
    },
    signature: "backbone.features.0.0.weight, linear.weight",
    recognise: (shapes) => {
      const own = below(shapes, "backbone.");
      const stem = own("features.0.0.weight");
      if (own("features.7.0.layer_scale")?.[0] !== last || stem === undefined) return null;
      if (own(`features.5.${deepest - 1}.layer_scale`) === undefined) return null;
      if (own(`features.5.${deepest}.layer_scale`) !== undefined) return null;
      return {
        model: name,
        channels: stem[1] ?? null,
        classes: outputsOf(shapes, "linear"),
        embedding: last,
      };
    },
  });
}

const widths = [96, 192, 384, 768];
export const convNextTiny = convNext("convnext_tiny", { widths, blocks: [3, 3, 9, 3] });
export const convNextSmall = convNext("convnext_small", { widths, blocks: [3, 3, 27, 3] });
