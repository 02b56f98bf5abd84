/** ResNet-18 with torchvision's names, and weights from integers as fixtures/nn/resnet18.py makes them. He et al., CVPR 2016. */
import { fromTypedArray, functional, noGrad, type Tensor } from "../../src/index.js";
import { AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Linear, Module, Sequential } from "../../src/nn/index.js";

class BasicBlock extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly downsample: Sequential | null;

  constructor(inputs: number, outputs: number, stride: number) {
    super();
    this.conv1 = new Conv2d(inputs, outputs, 3, { stride, padding: 1, bias: false });
    this.bn1 = new BatchNorm2d(outputs);
    this.conv2 = new Conv2d(outputs, outputs, 3, { padding: 1, bias: false });
    this.bn2 = new BatchNorm2d(outputs);
    const changes = stride !== 1 || inputs !== outputs;
    this.downsample = changes
      ? new Sequential(new Conv2d(inputs, outputs, 1, { stride, bias: false }), new BatchNorm2d(outputs))
      : null;
  }

  forward(x: Tensor): Tensor {
    const inner = this.bn1.forward(this.conv1.forward(x)).relu();
    const y = this.bn2.forward(this.conv2.forward(inner));
    return y.add(this.downsample?.forward(x) ?? x).relu();
  }
}

const stage = (inputs: number, outputs: number, stride: number) =>
  new Sequential(new BasicBlock(inputs, outputs, stride), new BasicBlock(outputs, outputs, 1));

export class ResNet18 extends Module {
  readonly conv1 = new Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false });
  readonly bn1 = new BatchNorm2d(64);
  readonly layer1 = stage(64, 64, 1);
  readonly layer2 = stage(64, 128, 2);
  readonly layer3 = stage(128, 256, 2);
  readonly layer4 = stage(256, 512, 2);
  readonly avgpool = new AdaptiveAvgPool2d(1);
  readonly fc: Linear;

  constructor(classes: number) {
    super();
    this.fc = new Linear(512, classes);
  }

  forward(x_NCHW: Tensor): Tensor {
    const stem = functional.maxPool2d(this.bn1.forward(this.conv1.forward(x_NCHW)).relu(), 3, {
      stride: 2,
      padding: 1,
    });
    const maps = this.layer4.forward(this.layer3.forward(this.layer2.forward(this.layer1.forward(stem))));
    return this.fc.forward(this.avgpool.forward(maps).flatten(1));
  }
}

/** `count` values in -1..1 from integers alone, so that both sides have exactly the same bits. */
export function scatter(count: number, key: number): Float64Array {
  return Float64Array.from(
    { length: count },
    (_, i) => (((i % 65521) ** 2 * 17 + i * 7919 + key * 104729) % 65521) / 32760 - 1,
  );
}

/** Sets every parameter from its position: matrices and kernels with He's spread, the others around 1 (weights) or 0. */
export function fill(model: Module): void {
  [...model.namedParameters()].forEach(([name, parameter], key) => {
    const { shape, numel } = parameter;
    const factor = shape.length > 1 ? Math.sqrt(6 / (numel / (shape[0] ?? 1))) : 0.1;
    const offset = shape.length === 1 && name.endsWith("weight") ? 1 : 0;
    const values = fromTypedArray(
      scatter(numel, key).map((value) => value * factor + offset),
      shape,
    );
    noGrad(() => parameter.copy_(values));
    values.dispose();
  });
}
