/** What a module owns: parameters, which learn, and buffers, which are only kept. */
import { native } from "../native/load.js";
import { Tensor } from "../tensor.js";

/** A tensor that a module learns: in no scope, with a gradient, freed by the module's `dispose()`. */
export class Parameter extends Tensor {
  /** Takes `data` over: the parameter holds its memory, and `data` itself is disposed. */
  constructor(data: Tensor, { requiresGrad = true } = {}) {
    super(native().detach(data.handle));
    data.dispose();
    this.keep();
    if (requiresGrad) this.requiresGrad_();
  }
}

/** A tensor that a module keeps but does not learn, such as running statistics: in no scope, stored in the state dict. */
export class ModuleBuffer extends Tensor {
  /** True where a state dict may lack it, as those from before PyTorch 0.4.1 lack `num_batches_tracked`. */
  readonly optional: boolean;

  /** Takes `data` over: the buffer holds its memory, and `data` itself is disposed. */
  constructor(data: Tensor, { optional = false } = {}) {
    super(native().detach(data.handle));
    data.dispose();
    this.keep();
    this.optional = optional;
  }
}
