/** Convolutions over 1, 2 and 3 spatial dimensions. */
import { empty } from "../creation.js";
import { ArgumentError } from "../errors.js";
import { conv1d, conv2d, conv3d, type ConvolutionOptions, type Size } from "../functional.js";
import type { Tensor } from "../tensor.js";
import { resetLinear_ } from "./init.js";
import { Module } from "./module.js";
import { Parameter } from "./parameter.js";

export interface ConvOptions extends ConvolutionOptions {
  bias?: boolean;
}

abstract class Conv extends Module {
  /** weight_OI..., I = inChannels / groups */
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  protected readonly options: ConvolutionOptions;

  protected constructor(
    dims: number,
    readonly inChannels: number,
    readonly outChannels: number,
    readonly kernelSize: Size,
    { bias = true, ...options }: ConvOptions,
  ) {
    super();
    const { groups = 1 } = options;
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new ArgumentError(
        `groups: expected a divisor of ${inChannels} and ${outChannels} channels, received ${groups}`,
        `Conv${dims}d`,
      );
    }
    const kernel =
      typeof kernelSize === "number" ? Array.from({ length: dims }, () => kernelSize) : kernelSize;
    if (kernel.length !== dims)
      throw new ArgumentError(
        `kernelSize: expected ${dims} sizes, received ${kernel.length}`,
        `Conv${dims}d`,
      );
    this.options = options;
    this.weight = new Parameter(empty([outChannels, inChannels / groups, ...kernel]));
    this.bias = bias ? new Parameter(empty([outChannels])) : null;
    resetLinear_(this.weight, this.bias);
  }
}

/** x_NCL → y_NOL */
export class Conv1d extends Conv {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvOptions = {}) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
  forward(x_NCL: Tensor): Tensor {
    return conv1d(x_NCL, this.weight, this.bias, this.options);
  }
}

/** x_NCHW → y_NOHW */
export class Conv2d extends Conv {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvOptions = {}) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
  forward(x_NCHW: Tensor): Tensor {
    return conv2d(x_NCHW, this.weight, this.bias, this.options);
  }
}

/** x_NCDHW → y_NODHW */
export class Conv3d extends Conv {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvOptions = {}) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
  forward(x_NCDHW: Tensor): Tensor {
    return conv3d(x_NCDHW, this.weight, this.bias, this.options);
  }
}
