/** Pooling over windows of a given size, or over the windows that a given output size requires. */
import {
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  avgPool2d,
  avgPool3d,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  type PoolOptions,
  type Size,
} from "../functional.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";

export interface AvgPoolOptions extends PoolOptions {
  /** Whether padded zeros count in the mean. Default true. */
  countIncludePad?: boolean;
}

abstract class Pool<Options> extends Module {
  constructor(
    readonly kernelSize: Size,
    protected readonly options: Options = {} as Options,
  ) {
    super();
  }
}

/** x_NCL */
export class MaxPool1d extends Pool<PoolOptions> {
  forward(x_NCL: Tensor): Tensor {
    return maxPool1d(x_NCL, this.kernelSize, this.options);
  }
}
/** x_NCHW */
export class MaxPool2d extends Pool<PoolOptions> {
  forward(x_NCHW: Tensor): Tensor {
    return maxPool2d(x_NCHW, this.kernelSize, this.options);
  }
}
/** x_NCDHW */
export class MaxPool3d extends Pool<PoolOptions> {
  forward(x_NCDHW: Tensor): Tensor {
    return maxPool3d(x_NCDHW, this.kernelSize, this.options);
  }
}
/** x_NCHW */
export class AvgPool2d extends Pool<AvgPoolOptions> {
  forward(x_NCHW: Tensor): Tensor {
    return avgPool2d(x_NCHW, this.kernelSize, this.options);
  }
}
/** x_NCDHW */
export class AvgPool3d extends Pool<AvgPoolOptions> {
  forward(x_NCDHW: Tensor): Tensor {
    return avgPool3d(x_NCDHW, this.kernelSize, this.options);
  }
}

abstract class AdaptivePool extends Module {
  constructor(readonly outputSize: Size) {
    super();
  }
}

/** x_NCHW → y_NC and the output size */
export class AdaptiveAvgPool2d extends AdaptivePool {
  forward(x_NCHW: Tensor): Tensor {
    return adaptiveAvgPool2d(x_NCHW, this.outputSize);
  }
}
/** x_NCDHW → y_NC and the output size */
export class AdaptiveAvgPool3d extends AdaptivePool {
  forward(x_NCDHW: Tensor): Tensor {
    return adaptiveAvgPool3d(x_NCDHW, this.outputSize);
  }
}
/** x_NCHW → y_NC and the output size */
export class AdaptiveMaxPool2d extends AdaptivePool {
  forward(x_NCHW: Tensor): Tensor {
    return adaptiveMaxPool2d(x_NCHW, this.outputSize);
  }
}
/** x_NCDHW → y_NC and the output size */
export class AdaptiveMaxPool3d extends AdaptivePool {
  forward(x_NCDHW: Tensor): Tensor {
    return adaptiveMaxPool3d(x_NCDHW, this.outputSize);
  }
}
