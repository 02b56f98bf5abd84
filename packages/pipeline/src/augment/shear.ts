/** A slant of the axes. */
import { z } from "zod";
import { pairsOf, slant } from "./matrix.js";
import { probability, range } from "./option-ranges.js";
import { within } from "./samples.js";
import { defineAffine } from "./transform.js";

export const shear = defineAffine({
  name: "shear",
  source: "Garg, Garg, Duncan, Electronics 14(13), 2571, 2025",
  architecture: "slant of each pair of axes",
  options: z.strictObject({
    probability: probability(1),
    degrees: range([-60, 60], [-10, 10], "Slant of the columns (of each axis in a volume)"),
  }),
  presets: { published: {}, strong: {} },
  /** Degrees, one for each pair of axes. */
  draw: ({ degrees }, { length: dims }, random): readonly number[] =>
    pairsOf(dims).map(() => within(random, degrees)),
  matrices: (angles, { length: dims }) => [slant(dims, angles)],
});
