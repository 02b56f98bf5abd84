/** Dropout of values and of channels. Srivastava et al., JMLR 15 (2014); Tompson et al., CVPR 2015. */
import { ArgumentError } from "../errors.js";
import { dropout, featureDropout } from "../functional.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";

abstract class DropoutBase extends Module {
  /** @param p probability of a zero during training; in evaluation x is unchanged */
  constructor(readonly p = 0.5) {
    super();
    if (!(p >= 0 && p <= 1))
      throw new ArgumentError(`p: expected a probability between 0 and 1, received ${p}`, new.target.name);
  }
}

export class Dropout extends DropoutBase {
  forward(x: Tensor): Tensor {
    return dropout(x, this.p, this.training);
  }
}
/** Drops whole channels of x_NCHW. */
export class Dropout2d extends DropoutBase {
  forward(x_NCHW: Tensor): Tensor {
    return featureDropout(x_NCHW, this.p, this.training);
  }
}
/** Drops whole channels of x_NCDHW. */
export class Dropout3d extends DropoutBase {
  forward(x_NCDHW: Tensor): Tensor {
    return featureDropout(x_NCDHW, this.p, this.training);
  }
}
