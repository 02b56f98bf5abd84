import { listed } from "../checks.js";
import { ones, zeros } from "../creation.js";
import { layerNorm } from "../functional.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";
import { Parameter } from "./parameter.js";

/** Normalises over the last dimensions, whose sizes are `normalizedShape`. Ba et al., arXiv 1607.06450. */
export class LayerNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly normalizedShape: number[];
  readonly eps: number;

  constructor(normalizedShape: number | number[], { eps = 1e-5, elementwiseAffine = true } = {}) {
    super();
    this.normalizedShape =
      typeof normalizedShape === "number"
        ? [normalizedShape]
        : listed("normalizedShape", normalizedShape, "LayerNorm");
    this.eps = eps;
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape)) : null;
    this.bias = elementwiseAffine ? new Parameter(zeros(this.normalizedShape)) : null;
  }

  /** Under autocast, x in half precision is normalised and returned in the precision of the weights. */
  forward(x: Tensor): Tensor {
    const dtype = this.weight?.dtype ?? x.dtype;
    // libtorch 1.13 has no CPU kernel for the combination of both.
    const whole = /float16$/.test(x.dtype) && x.dtype !== dtype ? x.to({ dtype }) : x;
    return layerNorm(whole, this.normalizedShape, this.weight, this.bias, this.eps);
  }
}
