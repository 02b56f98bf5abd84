/** Batch normalisation over the batches of all processes, like torch.nn.SyncBatchNorm. */
import { ArgumentError } from "../errors.js";
import { native } from "../native/load.js";
import { wrap, type Tensor } from "../tensor.js";
import { BatchNorm } from "./batch-norm.js";
import type { Module } from "./module.js";

/**
 * x_NC... of any number of dimensions. During training in a process group, mean and variance are those of x over all
 * ranks, forward and backward; the batches of the ranks may differ in size, and one may be empty. In evaluation, or
 * without a group, it is BatchNorm. Its gradient is that of the sum of all ranks' losses. All ranks must run the same
 * layers in the same order.
 */
export class SyncBatchNorm extends BatchNorm {
  protected override readonly dims = null;

  /** A layer with the same parameters and buffers as `layer`, which must not be used any more. */
  static from(layer: BatchNorm): SyncBatchNorm {
    if (!(layer instanceof BatchNorm))
      throw new ArgumentError("layer: expected a BatchNorm", "SyncBatchNorm");
    const { channels, eps, momentum } = layer;
    const made = new SyncBatchNorm(channels, { eps, momentum, affine: false, trackRunningStats: false });
    const { weight, bias, running_mean, running_var, num_batches_tracked, training } = layer;
    return Object.assign(made, { weight, bias, running_mean, running_var, num_batches_tracked, training });
  }

  protected override normalise(x: Tensor, training: boolean, momentum: number): Tensor {
    const [, worldSize = 1] = native().processGroup();
    if (!training || worldSize === 1) return super.normalise(x, training, momentum);
    const { weight, bias, running_mean: mean, running_var: variance, eps } = this;
    const [w, b, m, v] = [weight, bias, mean, variance].map((tensor) => tensor?.handle ?? null);
    return wrap(native().syncBatchNorm(x.handle, w ?? null, b ?? null, m ?? null, v ?? null, momentum, eps));
  }
}

/**
 * Replaces every BatchNorm inside `module` by a SyncBatchNorm with the same parameters: state-dict names and optimisers
 * remain valid.
 * @returns the module itself; where it is a BatchNorm, its replacement
 */
export function convertSyncBatchNorm<T extends Module>(module: T): T | SyncBatchNorm {
  if (module instanceof BatchNorm)
    return module instanceof SyncBatchNorm ? module : SyncBatchNorm.from(module);
  const made = new Map<Module, SyncBatchNorm>(); // a layer that is used twice remains shared
  for (const inner of module.namedModules().values()) {
    for (const [name, child] of inner.children) {
      if (!(child instanceof BatchNorm) || child instanceof SyncBatchNorm) continue;
      const replacement = made.get(child) ?? SyncBatchNorm.from(child);
      made.set(child, replacement);
      inner.replaceChild(name, replacement);
    }
  }
  return module;
}
