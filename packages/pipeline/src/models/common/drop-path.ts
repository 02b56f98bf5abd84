import { functional as F, ones, type Tensor } from "@slicestack/torch";
import { z } from "zod";
import { key } from "../../config/notes.js";

/** The option `drop_path` of a trunk. */
export const dropPathOption = () =>
  key(
    z.number().min(0).max(0.9).default(0),
    "a number from 0 to 0.9",
    "Stochastic depth: the probability that the last block is left out in training; it grows linearly from 0",
  );

/**
 * Stochastic depth: in training, leaves out what a residual block adds, for each sample with probability p, and scales what is
 * kept by 1 / (1 - p). Huang, Sun, Liu, Sedra, Weinberger: Deep Networks with Stochastic Depth, ECCV 2016.
 * @param added_B what the block adds, B samples first
 */
export function dropPath(added_B: Tensor, p: number, training: boolean): Tensor {
  if (p === 0 || !training) return added_B;
  const each = [added_B.size(0), ...added_B.shape.slice(1).map(() => 1)];
  const kept = F.dropout(ones(each, { device: added_B.device }), p, true);
  return added_B.mul(kept.to({ dtype: added_B.dtype }));
}

/** The probability of block k of n: it grows linearly from 0, to `last` for a block after the last one. */
export const dropPathOf = (last: number, block: number, blocks: number): number => (last * block) / blocks;
