/** The layers of EfficientNet. Parameter names are torchvision's. B slices, C channels, H height, W width, O output channels. */
import { functional as F, type Tensor } from "@slicestack/torch";
import { BatchNorm2d, Conv2d, Module, Sequential, type Layer } from "@slicestack/torch/nn";
import { dropPath } from "../common/drop-path.js";

/** What is the same in all layers of one network. */
export interface Style {
  /** SiLU, or ReLU6 for Lite. */
  activation: "silu" | "relu6";
  norm: { eps: number; momentum: number };
  /** Strided convolutions are padded as in PyTorch, the same on both sides, or as in TensorFlow, more below and on the right. */
  padding: "torch" | "tensorflow";
}

const activate = (x: Tensor, activation: Style["activation"]): Tensor =>
  activation === "silu" ? F.silu(x) : x.clamp(0, 6);

/** A convolution that is padded to ceil(size / stride), whatever the padding's style. */
class SameConv2d extends Conv2d {
  readonly #kernel: number;
  readonly #stride: number;

  constructor(inputs: number, outputs: number, kernel: number, stride: number, groups: number) {
    super(inputs, outputs, kernel, { stride, groups, bias: false });
    this.#kernel = kernel;
    this.#stride = stride;
  }

  override forward(x_BCHW: Tensor): Tensor {
    const [, , height = 0, width = 0] = x_BCHW.shape;
    return super.forward(x_BCHW.pad([...this.#sides(width), ...this.#sides(height)]));
  }

  #sides(size: number): [before: number, after: number] {
    const covered = (Math.ceil(size / this.#stride) - 1) * this.#stride + this.#kernel;
    const total = Math.max(covered - size, 0);
    const before = Math.floor(total / 2);
    return [before, total - before];
  }
}

interface ConvNormSettings {
  kernel: number;
  stride: number;
  groups?: number;
  /** Default true. */
  isActive?: boolean;
}

/** Convolution `0`, batch norm `1` and, by default, the activation: x_BCHW → y_BOhw */
export class ConvNorm extends Sequential {
  readonly #activation: Style["activation"] | null;

  constructor(inputs: number, outputs: number, settings: ConvNormSettings, style: Style) {
    const { kernel, stride, groups = 1, isActive = true } = settings;
    const conv =
      style.padding === "tensorflow" && stride > 1
        ? new SameConv2d(inputs, outputs, kernel, stride, groups)
        : new Conv2d(inputs, outputs, kernel, { stride, groups, padding: (kernel - 1) / 2, bias: false });
    super(conv, new BatchNorm2d(outputs, style.norm));
    this.#activation = isActive ? style.activation : null;
  }

  override forward(x_BCHW: Tensor): Tensor {
    const normed = super.forward(x_BCHW);
    return this.#activation === null ? normed : activate(normed, this.#activation);
  }
}

/** Multiplies each channel by a factor 0..1. Hu, Shen, Sun: Squeeze-and-Excitation Networks, CVPR 2018. */
class SqueezeExcitation extends Module {
  readonly fc1: Conv2d;
  readonly fc2: Conv2d;

  constructor(channels: number, narrow: number) {
    super();
    this.fc1 = new Conv2d(channels, narrow, 1);
    this.fc2 = new Conv2d(narrow, channels, 1);
  }

  forward(x_BCHW: Tensor): Tensor {
    const mean_BC11 = x_BCHW.mean([2, 3], true);
    return x_BCHW.mul(this.fc2.forward(F.silu(this.fc1.forward(mean_BC11))).sigmoid());
  }
}

/** One kind of block, as the tables of the papers list them. */
export interface BlockSettings {
  inputs: number;
  outputs: number;
  expand: number;
  kernel: number;
  stride: number;
  /** `fused`: one full convolution expands, in place of a pointwise and a depthwise one. Tan and Le, ICML 2021. */
  kind: "mbconv" | "mbconv-without-se" | "fused";
  dropPath: number;
}

/** Inverted residual block: expand, depthwise convolution, squeeze-and-excitation, project. Sandler et al., CVPR 2018. */
export class InvertedResidual extends Module {
  readonly block: Sequential;
  readonly #isResidual: boolean;
  readonly #dropPath: number;

  constructor(settings: BlockSettings, style: Style) {
    super();
    const { inputs, outputs, stride } = settings;
    this.block = new Sequential(
      settings.kind === "fused" ? fused(settings, style) : separable(settings, style),
    );
    this.#isResidual = stride === 1 && inputs === outputs;
    this.#dropPath = settings.dropPath;
  }

  forward(x_BCHW: Tensor): Tensor {
    const y_BOhw = this.block.forward(x_BCHW);
    return this.#isResidual ? dropPath(y_BOhw, this.#dropPath, this.training).add(x_BCHW) : y_BOhw;
  }
}

function separable({ inputs, outputs, expand, kernel, stride, kind }: BlockSettings, style: Style): Layer[] {
  const wide = divisible(inputs * expand);
  return [
    ...(wide === inputs ? [] : [new ConvNorm(inputs, wide, { kernel: 1, stride: 1 }, style)]),
    new ConvNorm(wide, wide, { kernel, stride, groups: wide }, style),
    ...(kind === "mbconv" ? [new SqueezeExcitation(wide, Math.max(1, Math.floor(inputs / 4)))] : []),
    new ConvNorm(wide, outputs, { kernel: 1, stride: 1, isActive: false }, style),
  ];
}

function fused({ inputs, outputs, expand, kernel, stride }: BlockSettings, style: Style): Layer[] {
  const wide = divisible(inputs * expand);
  if (wide === inputs) return [new ConvNorm(inputs, outputs, { kernel, stride }, style)];
  return [
    new ConvNorm(inputs, wide, { kernel, stride }, style),
    new ConvNorm(wide, outputs, { kernel: 1, stride: 1, isActive: false }, style),
  ];
}

/** The multiple of 8 near a width, but not less than nine tenths of it. */
export function divisible(width: number): number {
  const near = Math.max(8, Math.floor((width + 4) / 8) * 8);
  return near < 0.9 * width ? near + 8 : near;
}
