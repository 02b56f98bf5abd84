/** Brightness and contrast after the window: (scale · x + shift), clipped to 0..1, to the power of gamma. */
import type { Tensor } from "@slicestack/torch";
import { z } from "zod";
import { probability, range } from "./option-ranges.js";
import { column, drawSamples, onDrawn, within, withinRatio } from "./samples.js";
import { defineChange } from "./transform.js";

export const intensity = defineChange({
  name: "intensity",
  source: "own",
  architecture: "brightness, contrast and gamma",
  options: z.strictObject({
    probability: probability(0.3),
    scale: range([0, 4], [0.9, 1.1], "Factor of the values 0..1"),
    shift: range([-1, 1], [-0.05, 0.05], "Added after the factor"),
    gamma: range([0.1, 10], [0.8, 1.25], "Exponent of the result"),
  }),
  presets: { strong: {} },
  step: "unit",
  change: (unit, options, random) => {
    const draws = drawSamples(unit.size(0), options.probability, random, () => ({
      scale: within(random, options.scale),
      shift: within(random, options.shift),
      gamma: withinRatio(random, options.gamma),
    }));
    return onDrawn(unit, draws, (chosen, drawn) => {
      const [scale, shift, gamma] = (["scale", "shift", "gamma"] as const).map((name) =>
        column(
          drawn.map((draw) => draw[name]),
          chosen,
        ),
      ) as [Tensor, Tensor, Tensor];
      return chosen.mul(scale).add(shift).clamp(0, 1).pow(gamma);
    });
  },
});
