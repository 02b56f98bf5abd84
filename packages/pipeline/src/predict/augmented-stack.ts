/** The slices of a volume with one random draw for all, for fine-tuning and for the views of the frozen slice model. */
import { cat, scope, type Tensor } from "@slicestack/torch";
import type { Random } from "@slicestack/stats";
import { augmentStacks } from "../augment/augment.js";
import type { AugmentConfig } from "../config/augment.js";
import type { SliceStore } from "../input/slices.js";

/** unit_SCHW of these slices of one volume, in order; each plane is augmented with the shape of its pixels. */
export function augmentedStack(
  store: SliceStore,
  slices: readonly number[],
  config: AugmentConfig,
  random: Random,
): Tensor {
  return scope(() => {
    const parts = alikeInShape(store, slices).map((some) => {
      const options = { ...store.transform, pixels: [store.pixel(some[0]!)] };
      return augmentStacks(store.wide(some).unsqueeze(0), config, random, options).squeeze(0);
    });
    return parts.length === 1 ? parts[0]! : cat(parts);
  });
}

/** Consecutive slices whose pixels have the same shape; that is all slices, unless several planes are used. */
function alikeInShape(store: SliceStore, slices: readonly number[]): number[][] {
  const shapeOf = (slice: number) => store.pixel(slice)[1] / store.pixel(slice)[0];
  const runs: number[][] = [];
  for (const slice of slices) {
    const run = runs.at(-1);
    if (run !== undefined && shapeOf(run[0]!) === shapeOf(slice)) run.push(slice);
    else runs.push([slice]);
  }
  return runs;
}
