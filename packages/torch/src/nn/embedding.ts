import { empty } from "../creation.js";
import { embedding } from "../functional.js";
import type { Tensor } from "../tensor.js";
import { normal_ } from "./init.js";
import { Module } from "./module.js";
import { Parameter } from "./parameter.js";

/** A table of vectors: int64 indices 0..count-1 of any shape → ..., E. */
export class Embedding extends Module {
  readonly weight: Parameter;

  constructor(
    readonly count: number,
    readonly width: number,
  ) {
    super();
    this.weight = new Parameter(empty([count, width]));
    normal_(this.weight, 0, 1);
  }

  forward(index: Tensor): Tensor {
    return embedding(index, this.weight);
  }
}
