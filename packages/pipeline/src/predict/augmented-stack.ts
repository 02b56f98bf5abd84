/** The slices of a volume with one draw for all, as fine-tuning and the views of the frozen slice model take them. */
import { cat, scope, type Tensor } from "@slicestack/torch";
import type { Random } from "@slicestack/stats";
import { augmentStacks } from "../augment/augment.js";
import type { AugmentConfig } from "../config/augment.js";
import type { SliceStore } from "../input/slices.js";

/** unit_SCHW of these slices of one volume, in their order; each plane is true to the shape of its own pixels. */
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

/** Runs of slices whose pixels have one shape: all of them, but where planes of several shapes are asked for. */
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
