/** Batch normalisation. Ioffe and Szegedy, ICML 2015. */
import { ones, zeros } from "../creation.js";
import { ArgumentError } from "../errors.js";
import { batchNorm } from "../functional.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";
import { ModuleBuffer, Parameter } from "./parameter.js";

export interface BatchNormLayerOptions {
  eps?: number;
  /** Share of the new batch in the running statistics; with null, they are the average over all batches. */
  momentum?: number | null;
  /** Whether weight and bias are learned. */
  affine?: boolean;
  /** Without it, the statistics of the batch are also used in evaluation. */
  trackRunningStats?: boolean;
}

/** The common base of the batch-norm layers. */
export abstract class BatchNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly running_mean: ModuleBuffer | null;
  readonly running_var: ModuleBuffer | null;
  /** int64: number of batches seen during training. */
  readonly num_batches_tracked: ModuleBuffer | null;
  readonly eps: number;
  readonly momentum: number | null;
  /** How many dimensions x may have; null for any number from 2. */
  protected abstract readonly dims: number[] | null;

  constructor(
    readonly channels: number,
    { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true }: BatchNormLayerOptions = {},
  ) {
    super();
    this.eps = eps;
    this.momentum = momentum;
    this.weight = affine ? new Parameter(ones([channels])) : null;
    this.bias = affine ? new Parameter(zeros([channels])) : null;
    this.running_mean = trackRunningStats ? new ModuleBuffer(zeros([channels])) : null;
    this.running_var = trackRunningStats ? new ModuleBuffer(ones([channels])) : null;
    this.num_batches_tracked = trackRunningStats
      ? new ModuleBuffer(zeros([], { dtype: "int64" }), { optional: true })
      : null;
  }

  /** x_NC... → the same shape; updates the running statistics in place during training. */
  forward(x: Tensor): Tensor {
    if (this.dims !== null && !this.dims.includes(x.dim)) {
      throw new ArgumentError(
        `x: expected ${this.dims.join(" or ")} dimensions, received shape [${x.shape.join(", ")}]`,
        this.constructor.name,
      );
    }
    return this.normalise(x, this.training || this.running_mean === null, this.#count());
  }

  protected normalise(x: Tensor, training: boolean, momentum: number): Tensor {
    const { weight, bias, running_mean: runningMean, running_var: runningVar, eps } = this;
    return batchNorm(x, { weight, bias, runningMean, runningVar, eps, momentum, training });
  }

  /** Counts this batch during training. @returns the momentum to use */
  #count(): number {
    if (!this.training || this.num_batches_tracked === null) return this.momentum ?? 0;
    this.num_batches_tracked.add_(1);
    return this.momentum ?? 1 / this.num_batches_tracked.item(); // device sync, only without a momentum
  }
}

/** x_NC or x_NCL */
export class BatchNorm1d extends BatchNorm {
  protected override readonly dims = [2, 3];
}
/** x_NCHW */
export class BatchNorm2d extends BatchNorm {
  protected override readonly dims = [4];
}
/** x_NCDHW */
export class BatchNorm3d extends BatchNorm {
  protected override readonly dims = [5];
}
