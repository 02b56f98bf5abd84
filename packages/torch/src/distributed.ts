/**
 * @slicestack/torch/distributed: several processes that train together, on libtorch's c10d (Gloo on the CPU, NCCL on
 *   CUDA).
 * A group belongs to the thread that formed it. Every call blocks until all ranks have made it, or throws
 * DistributedError.
 */
import { listed } from "./checks.js";
import { DistributedError } from "./errors.js";
import type { Backend } from "./native/c10d.js";
import { buildRecord, native } from "./native/load.js";
import { handlesOf, wrap, type Tensor } from "./tensor.js";

export { DistributedError };
export type { Backend };

export interface ProcessGroupOptions {
  /**
   * `gloo` (default) sends everything through the CPU; `nccl` sends CUDA tensors from device to device, and everything
   * else like gloo.
   */
  backend?: Backend;
  /** Rank of this process, 0 .. worldSize - 1. */
  rank: number;
  worldSize: number;
  /** Host of rank 0, which listens there until all ranks have joined. */
  masterAddress: string;
  masterPort: number;
  /** How long a rank waits for another in any call, in seconds. Default 600. */
  timeoutSeconds?: number;
}

export type Reduction = "sum" | "mean" | "min" | "max" | "product";

export interface Availability {
  backends: Backend[];
  /** What is missing and what to do about it; both are empty where there is a backend. */
  reason: string;
  remedy: string;
}

/** Whether this build of the addon can form groups; `availability()` says why not. @throws LibtorchNotFoundError */
export function available(): boolean {
  return availability().backends.length > 0;
}

/** @throws LibtorchNotFoundError */
export function availability(): Availability {
  const { reason, remedy } = buildRecord().c10d;
  return { backends: native().distributedBackends() as Backend[], reason, remedy };
}

/**
 * Joins the group, and returns when all ranks have.
 * @throws DistributedError where a rank does not join in time, or this build lacks c10d; ArgumentError where there is
 *   already a group
 */
export function initProcessGroup(options: ProcessGroupOptions): void {
  const { backend = "gloo", rank, worldSize, masterAddress, masterPort, timeoutSeconds = 600 } = options;
  const { backends, reason, remedy } = availability();
  if (backends.length === 0) throw new DistributedError(`${reason}\n  ${remedy}`, "initProcessGroup");
  native().initProcessGroup(backend, rank, worldSize, masterAddress, masterPort, timeoutSeconds);
}

/**
 * Leaves the group, even after a failure; without a group it does nothing. The next call of the other ranks fails, so
 * leave after the last call.
 */
export function destroyProcessGroup(): void {
  native().destroyProcessGroup();
}

export function isInitialized(): boolean {
  return native().processGroup().length > 0;
}
/** The rank of this process in the group; 0 without a group. */
export function rank(): number {
  return native().processGroup()[0] ?? 0;
}
/** Number of processes in the group; 1 without a group. */
export function worldSize(): number {
  return native().processGroup()[1] ?? 1;
}

/**
 * Reduces the tensors of all ranks, value by value, and stores the result in each of them, in place. Autograd does not
 * record it. bfloat16, float16 and int16 are sent as float32 and int32, and rounded once at the end. All ranks get the
 * same bits. @throws DistributedError, ArgumentError
 */
export function allReduce(tensor: Tensor, reduction: Reduction = "sum"): Tensor {
  native().allReduce(tensor.handle, reduction);
  return tensor;
}

/**
 * Copies the values of rank `source` into the tensor of every other rank, in place; any dtype. @throws
 * DistributedError, ArgumentError
 */
export function broadcast(tensor: Tensor, source = 0): Tensor {
  native().broadcast(tensor.handle, source);
  return tensor;
}

/** The tensors of all ranks, by rank; any dtype. @throws DistributedError, ArgumentError */
export function allGather(tensor: Tensor): Tensor[] {
  return native().allGather(tensor.handle).map(wrap);
}

/** Returns when all ranks have called it. @throws DistributedError */
export function barrier(): void {
  native().barrier();
}

export interface AverageOptions {
  /** Weight of this rank's gradients: its share of the batch, in any unit. Default 1. */
  weight?: number;
  /** Size of the gradients that are sent together, in bytes. Default 25 MiB. */
  bucketBytes?: number;
}

/**
 * Replaces every gradient by its weighted mean over the ranks, sum of weight · gradient over the sum of the weights,
 * the same bits everywhere. float64 gradients are sent as float64, all others as float32. A parameter without a
 * gradient on this rank counts as zeros; a parameter without a gradient on all ranks still has none, so that the
 * optimiser skips it as in a single process.
 *
 * With a loss that is a mean over the local batch and `weight` = its size, this is the gradient of the mean over the
 * whole batch. This does not hold for SyncBatchNorm with unequal local batches, where losses depend on the values of
 * all ranks: in that case, scale the loss itself by n · worldSize / N before backward() and keep the weights equal,
 * which is exact without SyncBatchNorm, too.
 * @throws DistributedError, ArgumentError
 */
export function averageGradients(parameters: Iterable<Tensor>, options: AverageOptions = {}): void {
  const { weight = 1, bucketBytes = 25 * 2 ** 20 } = options;
  native().averageGradients(
    handlesOf(listed("parameters", parameters, "averageGradients")),
    weight,
    bucketBytes,
  );
}
