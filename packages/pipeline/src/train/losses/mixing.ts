/**
 * Mixes slices, and their labels, with other slices of the batch.
 * Mixup: Zhang, Cisse, Dauphin, Lopez-Paz, ICLR 2018: x = λ x_i + (1 - λ) x_j. CutMix: Yun, Han, Oh, Chun, Choe, Yoo,
 * ICCV 2019: a box of x_j, with a fraction 1 - λ of the slice, is put into x_i. λ is drawn from Beta(α, α) for each slice. The labels are
 * mixed in proportion to the pixels. B slices, C channels, H height, W width, K classes.
 */
import { fromTypedArray, functional as F, noGrad, scope, type Tensor } from "@slicestack/torch";
import type { Random } from "@slicestack/stats";
import { boxMask, boxShare, type Box } from "../../augment/boxes.js";
import { column } from "../../augment/samples.js";
import type { SliceConfig } from "../../config/types.js";

export interface Mixed {
  unit_BCHW: Tensor;
  target_BK: Tensor;
}

type Settings = Pick<SliceConfig, "mixup" | "cutmix">;

export function mixes({ mixup, cutmix }: Settings): boolean {
  return mixup > 0 || cutmix > 0;
}

/** If both are on, each batch uses one of them with equal probability; if neither is, slices and labels are unchanged. */
export function mixSlices(unit_BCHW: Tensor, target_BK: Tensor, settings: Settings, random: Random): Mixed {
  if (!mixes(settings)) return { unit_BCHW, target_BK };
  const { mixup, cutmix } = settings;
  return scope(() =>
    noGrad(() => {
      const [batch = 0, , height = 1, width = 1] = unit_BCHW.shape;
      const cuts = mixup > 0 && cutmix > 0 ? random.chance(0.5) : cutmix > 0;
      const order = random.shuffle(Array.from({ length: batch }, (_, k) => k));
      const partner = fromTypedArray(BigInt64Array.from(order, BigInt), [batch], {
        device: unit_BCHW.device,
      });
      const lambdas = order.map(() => random.beta(cuts ? cutmix : mixup));
      const other_BCHW = unit_BCHW.indexSelect(0, partner);
      const boxes = cuts ? lambdas.map((lambda) => cutBox(lambda, [height, width], random)) : [];
      const kept = cuts ? boxes.map((box) => 1 - boxShare(box, [height, width])) : lambdas;
      const blend = (x: Tensor, other: Tensor) =>
        x.mul(column(kept, x)).add(other.mul(column(kept, x).neg().add(1)));
      return {
        unit_BCHW: cuts
          ? F.where(boxMask(boxes, unit_BCHW), other_BCHW, unit_BCHW)
          : blend(unit_BCHW, other_BCHW),
        target_BK: blend(target_BK, target_BK.indexSelect(0, partner)),
      };
    }),
  );
}

/** A box with the shape of the slice and a fraction 1 - λ of its area around a random pixel, clipped to the slice. */
function cutBox(lambda: number, sizes: readonly number[], random: Random): Box {
  const side = Math.sqrt(1 - lambda);
  return sizes.map((size): [number, number] => {
    const half = Math.floor((size * side) / 2);
    const middle = random.integer(0, size - 1);
    return [Math.max(0, middle - half), Math.min(size, middle + half)];
  });
}
