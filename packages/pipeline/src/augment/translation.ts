/** A shift along each axis. */
import { z } from "zod";
import { shiftBy } from "./matrix.js";
import { probability, range } from "./option-ranges.js";
import { within } from "./samples.js";
import { defineAffine } from "./transform.js";

export const translation = defineAffine({
  name: "translation",
  source: "Garg, Garg, Duncan, Electronics 14(13), 2571, 2025",
  architecture: "shift along each axis",
  options: z.strictObject({
    probability: probability(1),
    share: range([-1, 1], [-0.1, 0.1], "Shift along each axis, as a share of its length"),
  }),
  presets: { published: {}, light: { share: [-0.05, 0.05] }, strong: {} },
  /** Fractions of each side: to the right, down, towards higher slices. */
  draw: ({ share }, sides, random): readonly number[] => sides.map(() => within(random, share)),
  matrices: (shares, sides) => [shiftBy(sides.map((side, axis) => -(shares[axis] ?? 0) * side))],
});
