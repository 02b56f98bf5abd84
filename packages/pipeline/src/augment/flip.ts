/** Flips, exact to the bit. */
import { scope } from "@slicestack/torch";
import { z } from "zod";
import { probability } from "./option-ranges.js";
import { drawSamples, onDrawn } from "./samples.js";
import { defineChange } from "./transform.js";

/** The axes of B, C, H, W, and of B, C, H, W, D, whose slices may be reversed, too. */
const axes = [
  { axis: 3, name: "horizontal" },
  { axis: 2, name: "vertical" },
  { axis: 4, name: "slices" },
] as const;

export const flip = defineChange({
  name: "flip",
  source: "own",
  architecture: "axes mirrored",
  options: z.strictObject({
    horizontal: probability(0, "Probability that left and right are exchanged"),
    vertical: probability(0, "Probability that front and back are exchanged"),
    slices: probability(0, "Probability that the slices of a volume are reversed; no effect on slices"),
  }),
  presets: { strong: { horizontal: 0.5 } },
  step: "pixels",
  change: (x, options, random) =>
    scope(() =>
      axes.slice(0, x.dim - 2).reduce((image, { axis, name }) => {
        const draws = drawSamples(x.size(0), options[name], random.fork(name), () => true);
        return onDrawn(image, draws, (chosen) => chosen.flip(axis));
      }, x.alias()),
    ),
});
