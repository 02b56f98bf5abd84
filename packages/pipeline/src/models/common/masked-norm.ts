/**
 * Batch norm over the slices that exist: padding must not influence the statistics of a batch.
 * B volumes, C channels, h x w maps, S slices, N slices that exist.
 */
import { fromTypedArray, type Tensor } from "@slicestack/torch";
import type { BatchNorm3d } from "@slicestack/torch/nn";

/** Which slices of a batch exist, and the index of each among the existing ones. */
export interface Present {
  /** bool, B x S */
  mask_BS: Tensor;
  /** Indices of the existing slices among all B·S: int64, N. */
  index_N: Tensor;
  /** Index of each slice among the existing ones, arbitrary for a slice that does not exist: int64, B·S. */
  rank_M: Tensor;
}

/** @returns null if every slice exists, so that nothing needs masking */
export function presentSlices(mask_BS: Tensor): Present | null {
  const mask = mask_BS.toArray(); // device sync
  const index: bigint[] = [];
  const rank = BigInt64Array.from(mask, (exists, k) => {
    if (exists !== 0) index.push(BigInt(k));
    return BigInt(Math.max(0, index.length - 1));
  });
  if (index.length === mask.length) return null;
  const { device } = mask_BS;
  return {
    mask_BS,
    index_N: fromTypedArray(BigInt64Array.from(index), [index.length], { device }),
    rank_M: fromTypedArray(rank, [rank.length], { device }),
  };
}

/** Sets slices that do not exist to zero: x_BChwS → the same shape. */
export function maskSlices(x_BChwS: Tensor, present: Present | null): Tensor {
  if (present === null) return x_BChwS;
  const absent_B111S = present.mask_BS.logicalNot().unsqueeze(1).unsqueeze(1).unsqueeze(1);
  return x_BChwS.maskedFill(absent_B111S, 0);
}

/** Batch norm whose statistics, in training, are those of the existing slices: x_BChwS → the same shape, zero elsewhere. */
export function normSlices(norm: BatchNorm3d, x_BChwS: Tensor, present: Present | null): Tensor {
  if (present === null || !norm.training) return maskSlices(norm.forward(x_BChwS), present);
  const [volumes = 0, channels = 0, height = 0, width = 0, slices = 0] = x_BChwS.shape;
  const all_MChw = x_BChwS.permute(0, 4, 1, 2, 3).reshape(volumes * slices, channels, height, width);
  const normed_NChw1 = norm.forward(all_MChw.indexSelect(0, present.index_N).unsqueeze(-1));
  const spread_MChw = normed_NChw1.squeeze(-1).indexSelect(0, present.rank_M);
  const restored_BChwS = spread_MChw.reshape(volumes, slices, channels, height, width).permute(0, 2, 3, 4, 1);
  return maskSlices(restored_BChwS, present);
}
