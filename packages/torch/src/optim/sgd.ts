import { ArgumentError } from "../errors.js";
import { native } from "../native/load.js";
import type { Tensor } from "../tensor.js";
import { atLeastZero, handlesOf, Optimizer, type ParameterGroup, type Slot } from "./optimizer.js";

export interface SGDOptions {
  learningRate: number;
  momentum?: number;
  /** Dampening: share of the gradient that is not added to the velocity. */
  dampening?: number;
  /** Sutskever et al., ICML 2013; needs a momentum and no dampening. */
  nesterov?: boolean;
  weightDecay?: number;
}

/** Stochastic gradient descent with momentum, as in PyTorch. */
export class SGD extends Optimizer {
  readonly momentum: number;
  readonly dampening: number;
  readonly nesterov: boolean;

  constructor(parameters: Iterable<Tensor> | ParameterGroup[], options: SGDOptions) {
    const { learningRate, momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = options;
    super(parameters, { learningRate, weightDecay }, momentum === 0 ? [] : ["momentum_buffer"]);
    atLeastZero({ momentum }, ["momentum"]);
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new ArgumentError(
        `nesterov: expected momentum above 0 and dampening 0, received ${momentum} and ${dampening}`,
        "SGD",
      );
    }
    this.momentum = momentum;
    this.dampening = dampening;
    this.nesterov = nesterov;
  }

  protected override update(slots: Slot[], learningRate: number, weightDecay: number): void {
    const parameters = handlesOf(slots.map((slot) => slot.parameter));
    const velocities = handlesOf(slots.flatMap((slot) => slot.tensors));
    const first = slots[0]?.steps === 0;
    native().sgdStep(
      parameters,
      velocities,
      learningRate,
      this.momentum,
      this.dampening,
      weightDecay,
      this.nesterov,
      first,
    );
  }
}
