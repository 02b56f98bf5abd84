/** Flips, exact to the bit. */
import { scope, type Tensor } from "@slicestack/torch";
import type { Random } from "@slicestack/stats";
import type { AugmentConfig } from "../config/augment.js";
import { drawSamples, onDrawn, type Draws } from "./samples.js";

/** Axes of the tensor, and which samples are mirrored along each. */
export type FlipDraw = readonly { axis: number; draws: Draws<true> }[];

/** @param dims 2 for B, C, H, W; 3 for B, C, H, W, D, whose slices may be reversed, too */
export function drawFlips(config: AugmentConfig["flip"], batch: number, dims: number, random: Random): FlipDraw {
  if (config === null) return [];
  const axes = [
    { axis: 3, chance: config.horizontal, stream: random.fork("horizontal") },
    { axis: 2, chance: config.vertical, stream: random.fork("vertical") },
    { axis: 4, chance: config.slices, stream: random.fork("slices") },
  ].slice(0, dims);
  return axes.map(({ axis, chance, stream }) => ({
    axis,
    draws: drawSamples(batch, chance, stream, () => true as const),
  }));
}

export function flip(x: Tensor, flips: FlipDraw): Tensor {
  return scope(() =>
    flips.reduce((image, { axis, draws }) => onDrawn(image, draws, (chosen) => chosen.flip(axis)), x.alias()),
  );
}
