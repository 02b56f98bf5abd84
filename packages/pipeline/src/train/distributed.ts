/**
 * Data-parallel training: every process holds the whole model, computes its shard of each batch, and all take the same step.
 * The batch does not depend on the number of processes, so the gradient is that of one process (test/train/distributed.test.ts).
 * With `world.worldSize` 1, or without a group, every function here leaves things as they are.
 *
 * What a loop does, on every rank:
 * - `joinWorld` in the thread that computes, before the model is made; threads by `threadsOf`; device `cuda:${world.localRank}`.
 * - `shareModel` once the model has its weights, and again before each checkpoint and validation: batch norm that is not
 *   synchronised follows each rank's own slices. `convertSyncBatchNorm(model)` instead, or say in the log what `localBatchNorms` names.
 * - each step: `shardBatch`, the loss of its items times `lossScale`, `backward()`, then `averageOverRanks(model)`
 *   before clipping and the optimiser. A rank without items needs no forward, unless the model has a SyncBatchNorm:
 *   then it runs the model on an empty tensor, and 0 · sum() of the output is its loss.
 * - what is drawn for an item (augmentation) by its place in the batch, `shard.first + k`; what is drawn by libtorch (dropout)
 *   from `manualSeed(seed + rank)`.
 * - `anyRank(job.stopping())` instead of `job.stopping()`, and `meanOverRanks` of what decides (the loss that must be finite, the
 *   score that chooses the epoch): all ranks must take the same turn, or the rest wait for the time-out.
 * - rank 0 alone writes files; the others wait in the next call, for `timeoutSeconds` at most: in `awaitRanks` before they read them.
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
  /** Where the model is: CUDA tensors travel by NCCL where this build has it. */
  device?: string;
  /** The longest that a rank waits for another: longer than rank 0 needs for a checkpoint or a validation. */
  timeoutSeconds?: number;
}

/** Runs `body` in the group of `world`, and leaves the group whatever happens. @throws DistributedError */
export function joinWorld<T>(world: World, { device = "cpu", timeoutSeconds = 1800 }: JoinOptions, body: () => T): T {
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

/** One rank's part of a batch. */
export interface Shard<T> {
  items: readonly T[];
  /** Place of its first item in the batch. */
  first: number;
  /** n · worldSize / N: makes the plain mean over ranks of mean losses the mean over the batch, SyncBatchNorm or not. */
  lossScale: number;
}

/** Consecutive parts, as equal as can be; the last are empty if there are more ranks than items. */
export function shardBatch<T>(batch: readonly T[], rank: number, ranks: number): Shard<T> {
  if (!Number.isInteger(rank) || !Number.isInteger(ranks) || rank < 0 || rank >= ranks)
    throw new RangeError(`shardBatch: expected a rank from 0 to ranks - 1, received ${rank} of ${ranks}`);
  const [least, more] = [Math.floor(batch.length / ranks), batch.length % ranks];
  const first = rank * least + Math.min(rank, more);
  const items = batch.slice(first, first + least + (rank < more ? 1 : 0));
  return { items, first, lossScale: batch.length === 0 ? 0 : (items.length * ranks) / batch.length };
}

/** Makes every gradient the mean over the ranks: between backward() and the optimiser. @throws DistributedError */
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

/** Waits until all ranks are here: before they read what the first one has written. @throws DistributedError */
export function awaitRanks(): void {
  if (worldSize() > 1) barrier();
}

/** Rank 0's numbers, everywhere. @throws DistributedError */
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

/** The mean over ranks, each counted by its weight; not a number where the weights are all 0. @throws DistributedError */
export function meanOverRanks(value: number, weight = 1): number {
  if (worldSize() === 1) return value;
  return scope(() => {
    const own = weight === 0 ? [0, 0] : [value * weight, weight];
    const [sum = NaN, total = NaN] = allReduce(tensor(own, { dtype: "float64" })).toArray();
    return sum / total;
  });
}

/** Names of the batch-norm layers that see their own rank's items alone. */
export function localBatchNorms(model: Module): string[] {
  const local = [BatchNorm1d, BatchNorm2d, BatchNorm3d];
  return [...model.namedModules()]
    .filter(([, module]) => local.some((kind) => module instanceof kind))
    .map(([name]) => name);
}
