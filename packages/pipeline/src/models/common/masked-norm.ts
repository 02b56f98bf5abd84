/**
 * Batch norm over the slices that exist: padding must not move the statistics of a batch.
 * B volumes, C channels, h x w maps, S slices, N slices that exist.
 */
import { fromTypedArray, type Tensor } from "@slicestack/torch";
import type { BatchNorm3d } from "@slicestack/torch/nn";

/** Which slices of a batch exist, and where each is among those. */
export interface Present {
  /** bool, B x S */
  mask_BS: Tensor;
  /** Places of the slices that exist among all B·S: int64, N. */
  index_N: Tensor;
  /** Place of each slice among those that exist, any place for one that does not: int64, B·S. */
  place_M: Tensor;
}

/** @returns null where every slice exists: then nothing is masked */
export function presentSlices(mask_BS: Tensor): Present | null {
  const mask = mask_BS.toArray(); // device sync
  const index: bigint[] = [];
  const place = BigInt64Array.from(mask, (exists, k) => {
    if (exists !== 0) index.push(BigInt(k));
    return BigInt(Math.max(0, index.length - 1));
  });
  if (index.length === mask.length) return null;
  const { device } = mask_BS;
  return {
    mask_BS,
    index_N: fromTypedArray(BigInt64Array.from(index), [index.length], { device }),
    place_M: fromTypedArray(place, [place.length], { device }),
  };
}

/** Sets what belongs to slices that do not exist to zero: x_BChwS → the same shape. */
export function maskSlices(x_BChwS: Tensor, present: Present | null): Tensor {
  if (present === null) return x_BChwS;
  const absent_B111S = present.mask_BS.logicalNot().unsqueeze(1).unsqueeze(1).unsqueeze(1);
  return x_BChwS.maskedFill(absent_B111S, 0);
}

/** Batch norm whose statistics, in training, are of the slices that exist: x_BChwS → the same shape, zero elsewhere. */
export function normSlices(norm: BatchNorm3d, x_BChwS: Tensor, present: Present | null): Tensor {
  if (present === null || !norm.training) return maskSlices(norm.forward(x_BChwS), present);
  const [volumes = 0, channels = 0, height = 0, width = 0, slices = 0] = x_BChwS.shape;
  const all_MChw = x_BChwS.permute(0, 4, 1, 2, 3).reshape(volumes * slices, channels, height, width);
  const normed_NChw1 = norm.forward(all_MChw.indexSelect(0, present.index_N).unsqueeze(-1));
  const spread_MChw = normed_NChw1.squeeze(-1).indexSelect(0, present.place_M);
  const back_BChwS = spread_MChw.reshape(volumes, slices, channels, height, width).permute(0, 2, 3, 4, 1);
  return maskSlices(back_BChwS, present);
}
