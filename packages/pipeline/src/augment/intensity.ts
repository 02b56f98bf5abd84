/** Brightness and contrast after the window: (scale · x + shift), clipped to 0..1, to the power of gamma. */
import type { Tensor } from "@slicestack/torch";
import type { Random } from "@slicestack/stats";
import type { AugmentConfig } from "../config/augment.js";
import { column, drawSamples, onDrawn, within, withinRatio, type Draws } from "./samples.js";

export interface IntensityDraw {
  scale: number;
  shift: number;
  gamma: number;
}

export function drawIntensity(config: AugmentConfig["intensity"], batch: number, random: Random): Draws<IntensityDraw> {
  if (config === null) return new Array<null>(batch).fill(null);
  return drawSamples(batch, config.probability, random, () => ({
    scale: within(random, config.scale),
    shift: within(random, config.shift),
    gamma: withinRatio(random, config.gamma),
  }));
}

/** @param unit 0..1 */
export function changeIntensity(unit: Tensor, draws: Draws<IntensityDraw>): Tensor {
  return onDrawn(unit, draws, (chosen, drawn) => {
    const [scale, shift, gamma] = (["scale", "shift", "gamma"] as const).map((name) =>
      column(
        drawn.map((draw) => draw[name]),
        chosen,
      ),
    ) as [Tensor, Tensor, Tensor];
    return chosen.mul(scale).add(shift).clamp(0, 1).pow(gamma);
  });
}
