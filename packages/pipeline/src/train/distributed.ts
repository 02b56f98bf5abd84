/**
 * Data-parallel training: every process has the whole model, computes its shard of each batch, and takes the same step.
 * The batch does not depend on the number of processes, so that the gradient is that of one process (test/train/distributed.test.ts).
 * With `world.worldSize` 1, or without a group, the functions here change nothing.
 *
 * What a loop does, on every rank:
 * - `joinWorld` in the thread that computes, before the model is created; threads by `threadsOf`; device `cuda:${world.localRank}`.
 * - `shareModel` once the model has its weights, and again before each checkpoint and validation: batch norm that is not
 *   synchronised follows the slices of each rank. Otherwise call `convertSyncBatchNorm(model)`, or log the layers of `localBatchNorms`.
 * - each step: `shardBatch`, the loss of its items times `lossScale`, `backward()`, then `averageOverRanks(model)`
 *   before clipping and the optimiser. A rank without items needs no forward, unless the model has a SyncBatchNorm:
 *   then it runs the model on an empty tensor, and 0 · sum() of the output is its loss.
 * - draws for an item (augmentation) by its index in the batch, `shard.first + k`; draws by libtorch (dropout)
 *   from `manualSeed(seed + rank)`.
 * - `anyRank(job.stopping())` instead of `job.stopping()`, and `meanOverRanks` of what decides (the loss that must be finite, the
 *   score that chooses the epoch): all ranks must take the same branch, or the others wait until the time-out.
 * - only rank 0 writes files; the others wait in the next call, for `timeoutSeconds` at most: in `awaitRanks` before they read them.
 */
import { noGrad, scope, tensor } from "@slicestack/torch";
import {
  allReduce,
  available,
  availability,
  averageGradients,
  barrier,
  broadcast,
  destroyProcessGroup,
  DistributedError,
  initProcessGroup,
  worldSize,
} from "@slicestack/torch/distributed";
import { BatchNorm1d, BatchNorm2d, BatchNorm3d, type Module } from "@slicestack/torch/nn";
import type { World } from "./world.js";

export interface JoinOptions {
  /** The device of the model: CUDA tensors are sent by NCCL if this build has it. */
  device?: string;
  /** The longest time that a rank waits for another; it must exceed the time of a checkpoint or a validation on rank 0. */
  timeoutSeconds?: number;
}

/** Runs `body` in the group of `world`, and leaves the group whatever happens. @throws DistributedError */
export function joinWorld<T>(
  world: World,
  { device = "cpu", timeoutSeconds = 1800 }: JoinOptions,
  body: () => T,
): T {
  if (world.worldSize === 1) return body();
  if (!available()) {
    const { reason, remedy } = availability();
    throw new DistributedError(
      `${world.worldSize} processes cannot train together here: ${reason}\n  ${remedy}`,
      "joinWorld",
    );
  }
  const { rank, masterAddress, masterPort } = world;
  const backend = device.startsWith("cuda") && availability().backends.includes("nccl") ? "nccl" : "gloo";
  initProcessGroup({ backend, rank, worldSize: world.worldSize, masterAddress, masterPort, timeoutSeconds });
  try {
    return body();
  } finally {
    destroyProcessGroup();
  }
}

/** The part of a batch that one rank computes. */
export interface Shard<T> {
  items: readonly T[];
  /** The index of its first item in the batch. */
  first: number;
  /** n · worldSize / N: makes the plain mean over ranks of mean losses the mean over the batch, SyncBatchNorm or not. */
  lossScale: number;
}

/** Consecutive parts of nearly equal size; the last are empty if there are more ranks than items. */
export function shardBatch<T>(batch: readonly T[], rank: number, ranks: number): Shard<T> {
  if (!Number.isInteger(rank) || !Number.isInteger(ranks) || rank < 0 || rank >= ranks)
    throw new RangeError(`shardBatch: expected a rank from 0 to ranks - 1, received ${rank} of ${ranks}`);
  const [least, more] = [Math.floor(batch.length / ranks), batch.length % ranks];
  const first = rank * least + Math.min(rank, more);
  const items = batch.slice(first, first + least + (rank < more ? 1 : 0));
  return { items, first, lossScale: batch.length === 0 ? 0 : (items.length * ranks) / batch.length };
}

/** Averages every gradient over the ranks, between backward() and the step of the optimiser. @throws DistributedError */
export function averageOverRanks(model: Module): void {
  if (worldSize() > 1) averageGradients(model.parameters());
}

/** Gives all ranks the parameters and buffers of rank 0. @throws DistributedError */
export function shareModel(model: Module): void {
  if (worldSize() === 1) return;
  scope(() => noGrad(() => model.stateDict().forEach((value) => broadcast(value, 0))));
}

/** Whether it is true on any rank. @throws DistributedError */
export function anyRank(here: boolean): boolean {
  if (worldSize() === 1) return here;
  return scope(() => allReduce(tensor([Number(here)], { dtype: "int32" }), "max").item() !== 0);
}

/** Waits for all ranks, for example before they read what the first one has written. @throws DistributedError */
export function awaitRanks(): void {
  if (worldSize() > 1) barrier();
}

/** Gives all ranks the numbers of rank 0. @throws DistributedError */
export function fromFirstRank<T extends Record<keyof T, number>>(numbers: T): T {
  if (worldSize() === 1) return numbers;
  return scope(() => {
    const names = Object.keys(numbers) as (keyof T)[];
    const values = broadcast(
      tensor(
        names.map((name) => numbers[name]),
        { dtype: "float64" },
      ),
    ).toArray();
    return Object.fromEntries(names.map((name, k) => [name, values[k]])) as T;
  });
}

/** The mean over ranks, each with its weight; NaN if all weights are 0. @throws DistributedError */
export function meanOverRanks(value: number, weight = 1): number {
  if (worldSize() === 1) return value;
  return scope(() => {
    const weighted = weight === 0 ? [0, 0] : [value * weight, weight];
    const [sum = NaN, total = NaN] = allReduce(tensor(weighted, { dtype: "float64" })).toArray();
    return sum / total;
  });
}

/** The names of the batch-norm layers that only use the items of their own rank. */
export function localBatchNorms(model: Module): string[] {
  const local = [BatchNorm1d, BatchNorm2d, BatchNorm3d];
  return [...model.namedModules()]
    .filter(([, module]) => local.some((kind) => module instanceof kind))
    .map(([name]) => name);
}
