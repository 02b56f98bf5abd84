/**
 * DenseNet-121. Huang, Liu, van der Maaten, Weinberger: Densely Connected Convolutional Networks, CVPR 2017. Parameter names
 * are torchvision's; its `classifier` is not part of the trunk. B slices, C channels, H height, W width, F features.
 */
import { cat, noGrad, type Tensor } from "@slicestack/torch";
import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  init,
  MaxPool2d,
  Module,
} from "@slicestack/torch/nn";
import { freeingIntermediates } from "../common/freeing-intermediates.js";
import { halved } from "../common/input-sizes.js";
import { defineTrunk } from "../component.js";
import { below, outputs as outputsOf } from "../recognition.js";
import { Backbone, BackboneModel, renamed } from "./backbone.js";

const GROWTH = 32;
const BLOCKS = [6, 12, 24, 16];
const STEM = 64;

/** Adds 32 maps to those that it receives: x_BCHW → y_B32HW */
class DenseLayer extends Module {
  readonly norm1: BatchNorm2d;
  readonly conv1: Conv2d;
  readonly norm2: BatchNorm2d;
  readonly conv2: Conv2d;

  constructor(inputs: number) {
    super();
    this.norm1 = new BatchNorm2d(inputs);
    this.conv1 = new Conv2d(inputs, 4 * GROWTH, 1, { bias: false });
    this.norm2 = new BatchNorm2d(4 * GROWTH);
    this.conv2 = new Conv2d(4 * GROWTH, GROWTH, 3, { padding: 1, bias: false });
  }

  forward(x_BCHW: Tensor): Tensor {
    const narrow = this.conv1.forward(this.norm1.forward(x_BCHW).relu());
    return this.conv2.forward(this.norm2.forward(narrow).relu());
  }
}

/** Layers `denselayer1`, `denselayer2`, …, each of which receives the maps of all before it. */
class DenseBlock extends Module {
  readonly #layers: DenseLayer[];

  constructor(inputs: number, count: number) {
    super();
    this.#layers = Array.from({ length: count }, (_, k) => new DenseLayer(inputs + k * GROWTH));
  }

  protected override registry(): Iterable<[string, unknown]> {
    return this.#layers.map((layer, k) => [`denselayer${k + 1}`, layer]);
  }

  forward(x_BCHW: Tensor): Tensor {
    let maps = x_BCHW;
    for (const layer of this.#layers) maps = freeingIntermediates(() => cat([maps, layer.forward(maps)], 1));
    return maps;
  }
}

/** Halves the channels and the resolution. */
class Transition extends Module {
  readonly norm: BatchNorm2d;
  readonly conv: Conv2d;
  readonly pool = new AvgPool2d(2, { stride: 2 });

  constructor(inputs: number) {
    super();
    this.norm = new BatchNorm2d(inputs);
    this.conv = new Conv2d(inputs, inputs / 2, 1, { bias: false });
  }

  forward(x_BCHW: Tensor): Tensor {
    return this.pool.forward(this.conv.forward(this.norm.forward(x_BCHW).relu()));
  }
}

/** Everything before the classifier, under torchvision's `features`. */
class Layers extends Module {
  readonly conv0: Conv2d;
  readonly norm0: BatchNorm2d;
  readonly pool0 = new MaxPool2d(3, { stride: 2, padding: 1 });
  readonly denseblock1: DenseBlock;
  readonly transition1: Transition;
  readonly denseblock2: DenseBlock;
  readonly transition2: Transition;
  readonly denseblock3: DenseBlock;
  readonly transition3: Transition;
  readonly denseblock4: DenseBlock;
  readonly norm5: BatchNorm2d;

  constructor(channels: number) {
    super();
    let inputs = STEM;
    const block = (k: number): DenseBlock => {
      const made = new DenseBlock(inputs, BLOCKS[k]!);
      inputs += BLOCKS[k]! * GROWTH;
      return made;
    };
    const transition = (): Transition => {
      const made = new Transition(inputs);
      inputs /= 2;
      return made;
    };
    this.conv0 = new Conv2d(channels, STEM, 7, { stride: 2, padding: 3, bias: false });
    this.norm0 = new BatchNorm2d(STEM);
    this.denseblock1 = block(0);
    this.transition1 = transition();
    this.denseblock2 = block(1);
    this.transition2 = transition();
    this.denseblock3 = block(2);
    this.transition3 = transition();
    this.denseblock4 = block(3);
    this.norm5 = new BatchNorm2d(inputs);
  }

  forward(x_BCHW: Tensor): Tensor {
    let maps = freeingIntermediates(() =>
      this.pool0.forward(this.norm0.forward(this.conv0.forward(x_BCHW)).relu()),
    );
    for (const part of [
      this.denseblock1,
      this.transition1,
      this.denseblock2,
      this.transition2,
      this.denseblock3,
      this.transition3,
      this.denseblock4,
    ])
      maps = freeingIntermediates(() => part.forward(maps));
    return this.norm5.forward(maps).relu();
  }
}

export class DenseNet extends Backbone {
  override readonly first = "features.conv0.weight";
  override readonly width = 1024;
  override readonly mapChannels = 1024;
  readonly features: Layers;
  readonly avgpool = new AdaptiveAvgPool2d(1);

  constructor(channels: number) {
    super();
    this.features = new Layers(channels);
    // torchvision's initialisation: He's normal distribution over the fan in.
    for (const module of this.namedModules().values())
      if (module instanceof Conv2d) noGrad(() => init.kaimingNormal_(module.weight));
  }

  /** x_BCHW → maps_BFhw: h = H / 32 and w = W / 32 */
  override maps(x_BCHW: Tensor): Tensor {
    return this.features.forward(x_BCHW);
  }

  override forward(x_BCHW: Tensor): Tensor {
    return this.avgpool.forward(this.maps(x_BCHW)).flatten(1);
  }

  /** torchvision's and timm's files, those of RadImageNet, and torchvision's first ones, with dots in the names of layers. */
  override rename(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
    return renamed(tensors, (name) => {
      if (/^(classifier|backbone\.1|fc)\./.test(name)) return null;
      return name
        .replace(/^backbone\.0\./, "features.")
        .replace(/(denselayer\d+\.(?:norm|conv))\.([12])\./, "$1$2.");
    });
  }
}

export const denseNet121 = defineTrunk({
  name: "densenet121",
  source: "Huang et al., CVPR 2017; torchvision's names",
  architecture: "DenseNet-121 trunk, 1024-K",
  channels: 3,
  // As for ResNets: batch norm over one value per channel has no variance.
  leastSlices: ([height, width]) => (Math.max(height, width) < 64 ? 2 : 1),
  camLayers: [1, 2, 3, 4].map((k) => [`backbone.features.denseblock${k}`, 2 ** (k + 1)] as const),
  create: ({ outputs, dropout, channels, size }) => {
    halved("densenet121", size, 5);
    return new BackboneModel(new DenseNet(channels), channels, { outputs, dropout });
  },
  signature: "backbone.features.conv0.weight, linear.weight",
  recognise: (shapes) => {
    const own = below(shapes, "backbone.features.");
    const stem = own("conv0.weight");
    if (stem === undefined || own("norm5.weight")?.[0] !== 1024) return null;
    return {
      model: "densenet121",
      channels: stem[1] ?? null,
      classes: outputsOf(shapes, "linear"),
      embedding: 1024,
    };
  },
});
