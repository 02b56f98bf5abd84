import { empty } from "../creation.js";
import { linear } from "../functional.js";
import type { Tensor } from "../tensor.js";
import { resetLinear_ } from "./init.js";
import { Module } from "./module.js";
import { Parameter } from "./parameter.js";

/** x_...I → y_...O = x weightᵀ + bias; weight_OI, bias_O. */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    { bias = true } = {},
  ) {
    super();
    this.weight = new Parameter(empty([outFeatures, inFeatures]));
    this.bias = bias ? new Parameter(empty([outFeatures])) : null;
    resetLinear_(this.weight, this.bias);
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}
