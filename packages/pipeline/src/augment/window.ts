/**
 * Jitter of the HU window, level and width.
 *
 * A window maps values v to u = (v - low) / (high - low) and clips at 0 and 1. Another window is an affine map of the same
 * u, so jitter needs no HU: with the level moved by s widths and the width multiplied by f, its edges are at 0.5 + s ∓ f/2
 * of the first window. A wider or shifted window shows values that the first one clips. Therefore the store clips at
 * -margin and 1 + margin instead of 0 and 1, where margin is the largest shift of an edge that the settings allow: no
 * value that a draw can show is lost, and the last step clips at 0 and 1. Without jitter, margin is 0.
 */
import { z } from "zod";
import { probability, range } from "./option-ranges.js";
import { column, drawSamples, within } from "./samples.js";
import { defineChange } from "./transform.js";

export const window = defineChange({
  name: "window",
  source: "own",
  architecture: "jitter of the window's level and width",
  options: z.strictObject({
    probability: probability(0.5),
    level: range([-1, 1], [-0.05, 0.05], "Shift of the window, as a share of its width"),
    width: range([0.1, 4], [0.9, 1.1], "Width of the window divided by its width before"),
  }),
  presets: { light: { probability: 0.3, level: [-0.02, 0.02], width: [0.95, 1.05] }, strong: {} },
  margin: ({ probability, level, width }) => {
    if (probability === 0) return 0;
    const beyond = width[1] / 2 - 0.5;
    return Math.max(0, beyond - level[0], beyond + level[1]);
  },
  step: "wide",
  /** Values of the first window, 0..1 and beyond → of each sample's window. */
  change: (x, { probability, level, width }, random) => {
    // The lower edge and the width of the jittered window in units of the first one.
    const draws = drawSamples(x.size(0), probability, random, () => {
      const wide = within(random, width);
      return { low: 0.5 + within(random, level) - wide / 2, width: wide };
    });
    const lows = draws.map((draw) => draw?.low ?? 0);
    const widths = draws.map((draw) => draw?.width ?? 1);
    return draws.some((draw) => draw !== null) ? x.sub(column(lows, x)).div(column(widths, x)) : x;
  },
});
