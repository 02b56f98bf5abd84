/** A change of size, alike along all axes. */
import { z } from "zod";
import { scaleBy } from "./matrix.js";
import { probability, range } from "./option-ranges.js";
import { within } from "./samples.js";
import { defineAffine } from "./transform.js";

export const scale = defineAffine({
  name: "scale",
  source: "Garg, Garg, Duncan, Electronics 14(13), 2571, 2025",
  architecture: "size times a factor",
  options: z.strictObject({
    probability: probability(1),
    factor: range([0.1, 10], [0.95, 1.05], "Size after the transform divided by the size before"),
  }),
  presets: { published: {}, light: {}, strong: {} },
  draw: ({ factor }, _sides, random) => within(random, factor),
  matrices: (factor, sides) => [scaleBy(sides.map(() => 1 / factor))],
});
