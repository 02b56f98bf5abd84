/** What a module owns: parameters, which are learned, and buffers, which are only stored. */
import { native } from "../native/load.js";
import { Tensor } from "../tensor.js";

/** A tensor that a module learns. It belongs to no scope, has a gradient and is freed by the module's `dispose()`. */
export class Parameter extends Tensor {
  /** Takes over `data`: the parameter holds its memory, and `data` itself is disposed. */
  constructor(data: Tensor, { requiresGrad = true } = {}) {
    super(native().detach(data.handle));
    data.dispose();
    this.keep();
    if (requiresGrad) this.requiresGrad_();
  }
}

/**
 * A tensor that a module stores but does not learn, such as running statistics. It belongs to no scope and is part of
 * the state dict.
 */
export class ModuleBuffer extends Tensor {
  /** True where a state dict may lack it: those from before PyTorch 0.4.1 lack `num_batches_tracked`. */
  readonly optional: boolean;

  /** Takes over `data`: the buffer holds its memory, and `data` itself is disposed. */
  constructor(data: Tensor, { optional = false } = {}) {
    super(native().detach(data.handle));
    data.dispose();
    this.keep();
    this.optional = optional;
  }
}
