/**
 * The residual blocks of ResNet. He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016.
 * Parameter names are torchvision's, so that its weights load. The 3x3 convolution has the stride (ResNet v1.5).
 */
import type { Tensor } from "@slicestack/torch";
import { BatchNorm2d, Conv2d, Module, Sequential } from "@slicestack/torch/nn";

function conv3x3(inputs: number, outputs: number, stride: number): Conv2d {
  return new Conv2d(inputs, outputs, 3, { stride, padding: 1, bias: false });
}

function conv1x1(inputs: number, outputs: number, stride = 1): Conv2d {
  return new Conv2d(inputs, outputs, 1, { stride, bias: false });
}

/** The shortcut if the shape changes: 1x1 convolution and batch norm. */
function projection(inputs: number, outputs: number, stride: number): Sequential {
  return new Sequential(conv1x1(inputs, outputs, stride), new BatchNorm2d(outputs));
}

export abstract class ResidualBlock extends Module {
  abstract readonly outputs: number;
  abstract forward(x_BCHW: Tensor): Tensor;
}

/** Two 3x3 convolutions: ResNet-18 and -34. */
export class BasicBlock extends ResidualBlock {
  static readonly expansion = 1;
  readonly outputs: number;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly downsample?: Sequential;

  constructor(inputs: number, width: number, stride: number) {
    super();
    this.outputs = width * BasicBlock.expansion;
    this.conv1 = conv3x3(inputs, width, stride);
    this.bn1 = new BatchNorm2d(width);
    this.conv2 = conv3x3(width, width, 1);
    this.bn2 = new BatchNorm2d(width);
    if (stride !== 1 || inputs !== this.outputs) this.downsample = projection(inputs, this.outputs, stride);
  }

  override forward(x_BCHW: Tensor): Tensor {
    const hidden = this.bn1.forward(this.conv1.forward(x_BCHW)).relu();
    const residual = this.bn2.forward(this.conv2.forward(hidden));
    return residual.add(this.downsample?.forward(x_BCHW) ?? x_BCHW).relu();
  }
}

/** 1x1, 3x3, 1x1 convolutions with four times the width at the end: ResNet-50. */
export class Bottleneck extends ResidualBlock {
  static readonly expansion = 4;
  readonly outputs: number;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly conv3: Conv2d;
  readonly bn3: BatchNorm2d;
  readonly downsample?: Sequential;

  constructor(inputs: number, width: number, stride: number) {
    super();
    this.outputs = width * Bottleneck.expansion;
    this.conv1 = conv1x1(inputs, width);
    this.bn1 = new BatchNorm2d(width);
    this.conv2 = conv3x3(width, width, stride);
    this.bn2 = new BatchNorm2d(width);
    this.conv3 = conv1x1(width, this.outputs);
    this.bn3 = new BatchNorm2d(this.outputs);
    if (stride !== 1 || inputs !== this.outputs) this.downsample = projection(inputs, this.outputs, stride);
  }

  override forward(x_BCHW: Tensor): Tensor {
    const narrow = this.bn1.forward(this.conv1.forward(x_BCHW)).relu();
    const middle = this.bn2.forward(this.conv2.forward(narrow)).relu();
    const residual = this.bn3.forward(this.conv3.forward(middle));
    return residual.add(this.downsample?.forward(x_BCHW) ?? x_BCHW).relu();
  }
}
