/**
 * Jitter of the HU window, level and width.
 *
 * A window maps values v to u = (v - low) / (high - low) and clips at 0 and 1. Another window is an affine map of the same
 * u, so jitter needs no HU: with the level moved by s widths and the width multiplied by f, its edges are at 0.5 + s ∓ f/2
 * of the first window. A wider or shifted window shows values that the first one clips. Therefore the store clips at
 * -margin and 1 + margin instead of 0 and 1, where margin is the largest shift of an edge that the settings allow: no
 * value that a draw can show is lost, and the last step clips at 0 and 1. Without jitter, margin is 0.
 */
import type { Tensor } from "@slicestack/torch";
import type { Random } from "@slicestack/stats";
import type { AugmentConfig } from "../config/augment.js";
import { column, drawSamples, within, type Draws } from "./samples.js";

/** The jittered window in units of the first one. */
export interface WindowDraw {
  low: number;
  width: number;
}

/** How far beyond 0..1 the store must keep values for these settings. */
export function windowMargin({ window }: Pick<AugmentConfig, "window">): number {
  if (window === null || window.probability === 0) return 0;
  const beyond = window.width[1] / 2 - 0.5;
  return Math.max(0, beyond - window.level[0], beyond + window.level[1]);
}

export function drawWindow(config: AugmentConfig["window"], batch: number, random: Random): Draws<WindowDraw> {
  if (config === null) return new Array<null>(batch).fill(null);
  return drawSamples(batch, config.probability, random, () => {
    const width = within(random, config.width);
    return { low: 0.5 + within(random, config.level) - width / 2, width };
  });
}

/** Values of the first window, 0..1 and beyond → 0..1 of each sample's window. */
export function applyWindow(x: Tensor, draws: Draws<WindowDraw>): Tensor {
  const lows = draws.map((draw) => draw?.low ?? 0);
  const widths = draws.map((draw) => draw?.width ?? 1);
  const moved = draws.some((draw) => draw !== null) ? x.sub(column(lows, x)).div(column(widths, x)) : x;
  return moved.clamp(0, 1);
}
