/**
 * Squeeze-and-excitation over the channels of a volume. Hu, Shen, Sun: Squeeze-and-Excitation Networks, CVPR 2018.
 * Parameter names are the published code's: `fc.0.weight` and `fc.2.weight`, no bias.
 */
import type { Tensor } from "@slicestack/torch";
import { Linear, Module, ReLU, Sequential, Sigmoid } from "@slicestack/torch/nn";

export class SqueezeExcitation3d extends Module {
  readonly fc: Sequential;

  constructor(channels: number, reduction = 16) {
    super();
    const narrow = Math.max(1, Math.floor(channels / reduction));
    this.fc = new Sequential(
      new Linear(channels, narrow, { bias: false }),
      new ReLU(),
      new Linear(narrow, channels, { bias: false }),
      new Sigmoid(),
    );
  }

  /** Multiplies each channel by a factor 0..1. x_BCHWD → y_BCHWD */
  forward(x_BCHWD: Tensor): Tensor {
    const factor_BC = this.fc.forward(x_BCHWD.mean([2, 3, 4]));
    return x_BCHWD.mul(factor_BC.unsqueeze(-1).unsqueeze(-1).unsqueeze(-1));
  }
}
