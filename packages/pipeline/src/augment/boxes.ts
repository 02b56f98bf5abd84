/** Boxes of pixels in slices and volumes, for random erasing and CutMix. */
import { arange, scope, type Tensor } from "@slicestack/torch";
import { column } from "./samples.js";

/** First pixel and the one after the last, along each spatial axis of the tensor. */
export type Box = readonly (readonly [from: number, to: number])[];

/** True inside: n x 1 x spatial. @param x n x C x spatial */
export function boxMask(boxes: readonly Box[], x: Tensor): Tensor {
  return scope(() => {
    const sizes = x.shape.slice(2);
    const inside = sizes.map((size, axis) => {
      const shape = [1, 1, ...sizes.map((_, k) => (k === axis ? size : 1))];
      const position = arange(0, size, 1, { dtype: x.dtype, device: x.device }).view(...shape);
      const edge = (end: 0 | 1) =>
        column(
          boxes.map((box) => box[axis]?.[end] ?? 0),
          x,
        );
      return position.ge(edge(0)).logicalAnd(position.lt(edge(1)));
    });
    return inside.reduce((mask, next) => mask.logicalAnd(next));
  });
}

/** Fraction of all pixels that are in a box. */
export function boxShare(box: Box, sizes: readonly number[]): number {
  return box.reduce((share, [from, to], axis) => (share * (to - from)) / (sizes[axis] ?? 1), 1);
}
