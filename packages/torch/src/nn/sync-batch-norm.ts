/** Batch normalisation over the batch of all processes, as torch.nn.SyncBatchNorm. */
import { ArgumentError } from "../errors.js";
import { native } from "../native/load.js";
import { wrap, type Tensor } from "../tensor.js";
import { BatchNorm } from "./batch-norm.js";
import type { Module } from "./module.js";

/**
 * x_NC... of any dimensions. While training in a process group, mean and variance are those of all ranks' x together, forward and
 * backward; the ranks' batches may differ in size, and one may be empty. In evaluation, or without a group, it is BatchNorm.
 * Its gradient is that of the sum of all ranks' losses. All ranks must run the same layers in the same order.
 */
export class SyncBatchNorm extends BatchNorm {
  protected override readonly dims = null;

  /** A layer that holds the very parameters and buffers of `layer`, which is not to be used any more. */
  static from(layer: BatchNorm): SyncBatchNorm {
    if (!(layer instanceof BatchNorm)) throw new ArgumentError("layer: expected a BatchNorm", "SyncBatchNorm");
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
 * Replaces every BatchNorm inside `module` by a SyncBatchNorm with its very parameters: state-dict names and optimisers stay right.
 * @returns the module itself; where it is a BatchNorm, its replacement
 */
export function convertSyncBatchNorm<T extends Module>(module: T): T | SyncBatchNorm {
  if (module instanceof BatchNorm) return module instanceof SyncBatchNorm ? module : SyncBatchNorm.from(module);
  const made = new Map<Module, SyncBatchNorm>(); // a layer used twice stays one
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
