/** Random erasing: a box of one grey value, so that no single region decides. Zhong, Zheng, Kang, Li, Yang, AAAI 2020. */
import { functional as F, type Tensor } from "@slicestack/torch";
import type { Random } from "@slicestack/stats";
import type { AugmentConfig } from "../config/augment.js";
import { boxMask, type Box } from "./boxes.js";
import { column, drawSamples, onDrawn, within, withinRatio, type Draws } from "./samples.js";

export interface EraseDraw {
  box: Box;
  /** 0..1 */
  value: number;
}

/** @param sizes H, W (and D) in pixels; the depth of a volume's box is the square root of the area's fraction */
export function drawErase(
  config: AugmentConfig["erase"],
  batch: number,
  sizes: readonly number[],
  random: Random,
): Draws<EraseDraw> {
  if (config === null) return new Array<null>(batch).fill(null);
  const [height = 1, width = 1, ...depth] = sizes;
  return drawSamples(batch, config.probability, random, () => {
    const share = within(random, config.area);
    const ratio = withinRatio(random, config.aspect);
    const area = share * height * width;
    const lengths = [Math.sqrt(area / ratio), Math.sqrt(area * ratio), ...depth.map((size) => Math.sqrt(share) * size)];
    const box = lengths.map((length, axis): [number, number] => {
      const size = sizes[axis] ?? 1;
      const pixels = Math.min(size, Math.max(1, Math.round(length)));
      const from = random.integer(0, size - pixels);
      return [from, from + pixels];
    });
    return { box, value: random.uniform() };
  });
}

/** @param unit 0..1 */
export function erase(unit: Tensor, draws: Draws<EraseDraw>): Tensor {
  return onDrawn(unit, draws, (chosen, drawn) => {
    const mask = boxMask(
      drawn.map(({ box }) => box),
      chosen,
    );
    return F.where(
      mask,
      column(
        drawn.map(({ value }) => value),
        chosen,
      ),
      chosen,
    );
  });
}
