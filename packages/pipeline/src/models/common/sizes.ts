/** Sizes that a network which halves its input several times can take. */
import type { Tensor } from "@slicestack/torch";
import { ModelError } from "./model-error.js";

/** Height, width and slices of a volume, in voxels. */
export type VolumeSize = [height: number, width: number, depth: number];

/**
 * What is left of each side after `times` poolings by 2, which round down.
 * @throws ModelError where a side is no whole number, or nothing of it is left
 */
export function halved<Size extends number[]>(model: string, size: Size, times: number): Size {
  const least = 2 ** times;
  if (!size.every((side) => Number.isSafeInteger(side) && side >= least))
    throw new ModelError(
      model,
      `halves its input ${times} times, so every side needs at least ${least}; received ${sizeText(size)}`,
      `Any size from ${sizeText(size.map(() => least))} on fits: resize, prepare with more slices, or take a model that halves less often.`,
    );
  return size.map((side) => Math.floor(side / least)) as Size;
}

/** @param expected each dimension of x; null where any will do @throws ModelError which names both shapes */
export function checkShape(model: string, x: Tensor, expected: readonly (number | null)[]): void {
  const { shape } = x;
  if (shape.length === expected.length && expected.every((side, k) => side === null || side === shape[k])) return;
  const wanted = expected.map((side) => side ?? "any").join(", ");
  throw new ModelError(
    model,
    `expected an input of shape [${wanted}], received [${shape.join(", ")}]`,
    "Give what the model was made for, or make it for this size.",
  );
}

export const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

const sizeText = (size: readonly number[]): string => size.join(" x ");
