/** Random erasing: a box of one grey value, so that no single region decides. Zhong, Zheng, Kang, Li, Yang, AAAI 2020. */
import { functional as F } from "@slicestack/torch";
import type { Random } from "@slicestack/stats";
import { z } from "zod";
import { boxMask, type Box } from "./boxes.js";
import { probability, range, type Range } from "./option-ranges.js";
import { column, drawSamples, onDrawn, within, withinRatio } from "./samples.js";
import { defineChange } from "./transform.js";

export const erase = defineChange({
  name: "erase",
  source: "Zhong, Zheng, Kang, Li, Yang, AAAI 2020",
  architecture: "a box of one grey value",
  options: z.strictObject({
    probability: probability(0.2),
    area: range([0, 0.9], [0.02, 0.1], "Share of the slice that is covered by one grey value"),
    aspect: range(
      [0.1, 10],
      [0.3, 3.3],
      "Width divided by height of the covered box, drawn uniformly on a logarithmic scale",
    ),
  }),
  presets: { strong: {} },
  step: "unit",
  change: (unit, options, random) => {
    const [batch = 0, , ...sizes] = unit.shape;
    const draws = drawSamples(batch, options.probability, random, () => drawBox(options, sizes, random));
    return onDrawn(unit, draws, (chosen, drawn) => {
      const mask = boxMask(
        drawn.map(({ box }) => box),
        chosen,
      );
      const grey = column(
        drawn.map(({ value }) => value),
        chosen,
      );
      return F.where(mask, grey, chosen);
    });
  },
});

interface EraseDraw {
  box: Box;
  /** 0..1 */
  value: number;
}

/** @param sizes H, W (and D) in pixels; the depth of a volume's box is the square root of the area's fraction */
function drawBox(
  options: { area: Range; aspect: Range },
  sizes: readonly number[],
  random: Random,
): EraseDraw {
  const [height = 1, width = 1, ...depth] = sizes;
  const share = within(random, options.area);
  const ratio = withinRatio(random, options.aspect);
  const area = share * height * width;
  const lengths = [
    Math.sqrt(area / ratio),
    Math.sqrt(area * ratio),
    ...depth.map((size) => Math.sqrt(share) * size),
  ];
  const box = lengths.map((length, axis): [number, number] => {
    const size = sizes[axis] ?? 1;
    const pixels = Math.min(size, Math.max(1, Math.round(length)));
    const from = random.integer(0, size - pixels);
    return [from, from + pixels];
  });
  return { box, value: random.uniform() };
}
