/**
 * ResNet trunks without their classifier. He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016.
 * Parameter names are torchvision's; its `fc` is not part of the trunk.
 * B slices, C channels, H height, W width, F features (512 or 2048).
 */
import type { Tensor } from "@slicestack/torch";
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  init,
  MaxPool2d,
  Module,
  Sequential,
} from "@slicestack/torch/nn";
import { freeingIntermediates } from "../common/freeing-intermediates.js";
import { BasicBlock, Bottleneck, type ResidualBlock } from "../common/residual.js";

export type ResNetDepth = 18 | 34 | 50;

const layouts = {
  18: { Block: BasicBlock, blocks: [2, 2, 2, 2] },
  34: { Block: BasicBlock, blocks: [3, 4, 6, 3] },
  50: { Block: Bottleneck, blocks: [3, 4, 6, 3] },
} as const;

export class ResNet extends Module {
  /** Width F of the pooled features. */
  readonly features: number;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly maxpool: MaxPool2d;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly layer4: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;

  /** @param channels of the input: HU windows times neighbouring slices; pretrained weights of 3 are adapted (common/input-channels.ts) */
  constructor(depth: ResNetDepth, channels = 3) {
    super();
    const { Block, blocks } = layouts[depth];
    let inputs = 64;
    const stage = (width: number, count: number, stride: number): Sequential => {
      const blocksOfStage: ResidualBlock[] = [];
      for (let k = 0; k < count; k++) {
        const block = new Block(inputs, width, k === 0 ? stride : 1);
        inputs = block.outputs;
        blocksOfStage.push(block);
      }
      return new Sequential(...blocksOfStage);
    };
    this.conv1 = new Conv2d(channels, 64, 7, { stride: 2, padding: 3, bias: false });
    this.bn1 = new BatchNorm2d(64);
    this.maxpool = new MaxPool2d(3, { stride: 2, padding: 1 });
    this.layer1 = stage(64, blocks[0], 1);
    this.layer2 = stage(128, blocks[1], 2);
    this.layer3 = stage(256, blocks[2], 2);
    this.layer4 = stage(512, blocks[3], 2);
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.features = inputs;
    // torchvision's initialisation: He's normal distribution over the fan out.
    for (const module of this.namedModules().values())
      if (module instanceof Conv2d) init.kaimingNormal_(module.weight, "fanOut");
  }

  /** x_BCHW → maps_BFhw, the last maps: h = H / 32 and w = W / 32, rounded up */
  maps(x_BCHW: Tensor): Tensor {
    let maps = freeingIntermediates(() =>
      this.maxpool.forward(this.bn1.forward(this.conv1.forward(x_BCHW)).relu()),
    );
    for (const stage of [this.layer1, this.layer2, this.layer3, this.layer4])
      for (const block of stage) maps = freeingIntermediates(() => block.forward(maps));
    return maps;
  }

  /** x_BCHW → features_BF, the mean of each map */
  forward(x_BCHW: Tensor): Tensor {
    return this.avgpool.forward(this.maps(x_BCHW)).flatten(1);
  }
}
