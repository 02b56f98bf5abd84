/** The gradient of a batch, computed in any number of pieces and processes with the same sum. */
import { autocast, scope } from "@slicestack/torch";
import { rank, worldSize } from "@slicestack/torch/distributed";
import { SyncBatchNorm, type Module } from "@slicestack/torch/nn";
import type { Compute } from "../predict/forward.js";
import { averageOverRanks, meanOverRanks, shardBatch } from "./distributed.js";
import type { Piece, Stage } from "./stage.js";

/**
 * The part of this process in a batch of n items, cut into at most `pieces` pieces of nearly equal size, each of at least `least`
 * items if possible. All processes have the same number of pieces, some of them empty, because synchronised batch norm waits for all.
 */
export function piecesOf(n: number, pieces: number, least = 1): Piece[] {
  const ranks = worldSize();
  const order = Array.from({ length: n }, (_, k) => k);
  const shard = ranks === 1 ? { items: order, first: 0 } : shardBatch(order, rank(), ranks);
  const [fewest, most] = [Math.floor(n / ranks), Math.ceil(n / ranks)];
  const count = Math.min(pieces, Math.max(1, least === 1 ? most : Math.floor(fewest / least)));
  return Array.from({ length: count }, (_, k) => {
    const { items, first } = shardBatch(shard.items, k, count);
    return { first: shard.first + first, count: items.length };
  });
}

/**
 * Adds the gradient of the batch's mean loss to the parameters of every process. @param pieces of the part of this process
 * @returns the mean loss of the whole batch
 */
export function backwardBatch<T, I>(
  stage: Stage<T, I>,
  input: I,
  items: number,
  pieces: number,
  compute: Compute,
): number {
  const ranks = worldSize();
  const parts = piecesOf(items, pieces, stage.leastItems);
  const whole = parts.length === 1 && ranks === 1;
  const total = whole ? 1 : stage.mass(input, { first: 0, count: items });
  let loss = 0;
  for (const piece of parts) {
    // The mean over processes of (ranks x share) is the sum of the shares.
    const share = whole ? 1 : piece.count === 0 ? 0 : stage.mass(input, piece) / total;
    if (piece.count > 0 || hasSyncBatchNorm(stage.model))
      loss += share * backwardPiece(stage, input, piece, share * ranks, compute);
  }
  averageOverRanks(stage.model);
  return ranks === 1 ? loss : meanOverRanks(loss) * ranks;
}

/** Only synchronised batch norm needs empty pieces to run through the model, which not all models support. */
const hasSyncBatchNorm = (model: Module): boolean =>
  [...model.namedModules().values()].some((module) => module instanceof SyncBatchNorm);

function backwardPiece<T, I>(
  stage: Stage<T, I>,
  input: I,
  piece: Piece,
  share: number,
  { device, bfloat16 }: Compute,
): number {
  return scope(() => {
    const mixed = <R>(body: () => R): R => autocast({ device, enabled: bfloat16 }, body);
    if (stage.backward !== undefined) return mixed(() => stage.backward!(input, piece, share));
    const loss = mixed(() => stage.loss(input, piece));
    (share === 1 ? loss : loss.mul(share)).backward();
    return loss.item(); // device sync
  });
}
