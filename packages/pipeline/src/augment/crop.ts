/** A crop that is stretched to full size. */
import type { Random } from "@slicestack/stats";
import { z } from "zod";
import { scaleBy, shiftBy } from "./matrix.js";
import { probability, range, type Range } from "./option-ranges.js";
import { within, withinRatio } from "./samples.js";
import { defineAffine, type Sides } from "./transform.js";

/** The kept size, and the offset of its centre from that of the sample, as fractions of each side. */
export interface CropDraw {
  kept: readonly number[];
  middle: readonly number[];
}

export const crop = defineAffine({
  name: "crop",
  source: "torchvision's RandomResizedCrop; Szegedy et al., CVPR 2015",
  architecture: "a part of the slice, stretched to full size",
  options: z.strictObject({
    probability: probability(1),
    area: range([0.05, 1], [0.8, 1], "Share of the slice that is kept and stretched to full size"),
    aspect: range(
      [0.1, 10],
      [3 / 4, 4 / 3],
      "Width divided by height of the part that is kept, drawn uniformly on a logarithmic scale",
    ),
  }),
  presets: { published: {}, strong: {} },
  draw: drawCrop,
  matrices: ({ kept, middle }, sides) => [
    shiftBy(sides.map((side, axis) => (middle[axis] ?? 0) * side)),
    scaleBy(sides.map((_, axis) => kept[axis] ?? 1)),
  ],
});

/**
 * As torchvision's RandomResizedCrop: an area and an aspect that fit into the slice are drawn up to ten times; otherwise
 * the largest crop of the nearest aspect is taken. Volumes are cropped along the slices, too.
 */
function drawCrop(
  { area, aspect }: { area: Range; aspect: Range },
  [width = 1, height = 1, ...depth]: Sides,
  random: Random,
): CropDraw {
  let [x, y] = [0, 0];
  for (let attempt = 0; attempt < 10 && x === 0; attempt++) {
    const size = within(random, area) * width * height;
    const ratio = withinRatio(random, aspect);
    const [across, down] = [Math.sqrt(size * ratio), Math.sqrt(size / ratio)];
    if (across <= width && down <= height) [x, y] = [across / width, down / height];
  }
  if (x === 0) {
    const nearest = Math.min(Math.max(width / height, aspect[0]), aspect[1]);
    [x, y] = [Math.min(1, (nearest * height) / width), Math.min(1, width / nearest / height)];
  }
  const kept = [x, y, ...depth.map(() => Math.sqrt(within(random, area)))];
  return { kept, middle: kept.map((share) => random.uniform(-0.5, 0.5) * (1 - share)) };
}
