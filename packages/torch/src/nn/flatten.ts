import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";

/** Joins the dimensions from startDim to endDim into one; by default all except the batch. */
export class Flatten extends Module {
  constructor(
    readonly startDim = 1,
    readonly endDim = -1,
  ) {
    super();
  }
  forward(x: Tensor): Tensor {
    return x.flatten(this.startDim, this.endDim);
  }
}

/** Returns a second handle to x, so that input and output can be disposed separately. */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x.alias();
  }
}
