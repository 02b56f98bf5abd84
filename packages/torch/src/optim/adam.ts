/** Adam (Kingma and Ba, ICLR 2015) and AdamW (Loshchilov and Hutter, ICLR 2019), as in PyTorch without amsgrad. */
import { ArgumentError } from "../errors.js";
import { native } from "../native/load.js";
import type { Tensor } from "../tensor.js";
import { atLeastZero, handlesOf, Optimizer, type ParameterGroup, type Slot } from "./optimizer.js";

export interface AdamOptions {
  /** Default 1e-3. */
  learningRate?: number;
  /** Decay of the running mean and of the running square of the gradient. Default 0.9, 0.999. */
  betas?: [number, number];
  eps?: number;
  /** Adam: added to the gradient, default 0. AdamW: subtracted from the parameter itself, default 0.01. */
  weightDecay?: number;
}

abstract class AdamBase extends Optimizer {
  readonly betas: readonly [number, number];
  readonly eps: number;
  protected abstract readonly decoupled: boolean;

  protected constructor(
    parameters: Iterable<Tensor> | ParameterGroup[],
    options: AdamOptions,
    weightDecay: number,
  ) {
    const { learningRate = 1e-3, betas = [0.9, 0.999], eps = 1e-8 } = options;
    super(parameters, { learningRate, weightDecay: options.weightDecay ?? weightDecay }, [
      "exp_avg",
      "exp_avg_sq",
    ]);
    atLeastZero({ eps }, ["eps"]);
    if (!betas.every((beta) => beta >= 0 && beta < 1)) {
      throw new ArgumentError(
        `betas: expected two numbers from 0 up to but not including 1, received ${betas.join(", ")}`,
        this.constructor.name,
      );
    }
    this.betas = betas;
    this.eps = eps;
  }

  protected override update(slots: Slot[], learningRate: number, weightDecay: number): void {
    const state = (k: number) => handlesOf(slots.flatMap((slot) => slot.tensors.slice(k, k + 1)));
    const parameters = handlesOf(slots.map((slot) => slot.parameter));
    const [beta1, beta2] = this.betas;
    const step = (slots[0]?.steps ?? 0) + 1;
    native().adamStep(
      parameters,
      state(0),
      state(1),
      step,
      learningRate,
      beta1,
      beta2,
      this.eps,
      weightDecay,
      this.decoupled,
    );
  }
}

export class Adam extends AdamBase {
  protected override readonly decoupled = false;
  constructor(parameters: Iterable<Tensor> | ParameterGroup[], options: AdamOptions = {}) {
    super(parameters, options, 0);
  }
}

export class AdamW extends AdamBase {
  protected override readonly decoupled = true;
  constructor(parameters: Iterable<Tensor> | ParameterGroup[], options: AdamOptions = {}) {
    super(parameters, options, 0.01);
  }
}
