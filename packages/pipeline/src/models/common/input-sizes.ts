/** Checks sizes for networks that halve their input several times. */
import type { Tensor } from "@slicestack/torch";
import { ModelError } from "./model-error.js";

/** Height, width and slices of a volume, in voxels. */
export type VolumeSize = [height: number, width: number, depth: number];

/**
 * The length of each side after `times` poolings by 2, which round down.
 * @throws ModelError if a side is not a whole number, or becomes 0
 */
export function halved<Size extends number[]>(model: string, size: Size, times: number): Size {
  const least = 2 ** times;
  if (!size.every((side) => Number.isSafeInteger(side) && side >= least))
    throw new ModelError(
      model,
      `halves its input ${times} times, so that every side must be at least ${least}; received ${sizeText(size)}`,
      `Use at least ${sizeText(size.map(() => least))}: resize, prepare with more slices, or choose a model that halves its input less often.`,
    );
  return size.map((side) => Math.floor(side / least)) as Size;
}

/** @param expected each dimension of x; null if it may be any @throws ModelError which names both shapes */
export function checkShape(model: string, x: Tensor, expected: readonly (number | null)[]): void {
  const { shape } = x;
  if (shape.length === expected.length && expected.every((side, k) => side === null || side === shape[k]))
    return;
  const wanted = expected.map((side) => side ?? "any").join(", ");
  throw new ModelError(
    model,
    `expected an input of shape [${wanted}], received [${shape.join(", ")}]`,
    "Pass the size that the model was created for, or create it for this size.",
  );
}

export const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

const sizeText = (size: readonly number[]): string => size.join(" x ");
