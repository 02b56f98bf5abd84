/**
 * From stored values to the input of a model: one transform in training, embedding and prediction, for slices and for
 * volumes (trap 6 of the published code: its stages normalised differently).
 */
import type { Tensor } from "@slicestack/torch";
import { valueMargin } from "../augment/catalogue.js";
import type { RunConfig } from "../config/types.js";
import type { Dataset } from "../data/store.js";
import type { ValueTransform, Window } from "./schema.js";

/** @param channels number of adjacent channels of each window */
export function valueTransform(
  { transform }: Pick<RunConfig, "transform">,
  { info }: Pick<Dataset, "info">,
  channels = 1,
): ValueTransform {
  const { mean, std, augment } = transform;
  const windows = transform.windows ?? [transform.window ?? info.range];
  const margin = valueMargin(augment);
  const airs = windows.map(([low, high]) => {
    const least = info.dtype === "float32" ? Math.min(info.range[0], low) : info.range[0]; // floats may exceed 0..1
    return Math.min(1 + margin, Math.max(-margin, (least - low) / (high - low)));
  });
  const alike = airs.every((air) => air === airs[0]);
  const air = alike ? (airs[0] ?? 0) : airs.flatMap((one) => new Array<number>(channels).fill(one));
  return { windows, margin, air, mean, std };
}

/** Values → the scale of a window, clipped at -margin and 1 + margin. */
export function windowed(values: Tensor, [low, high]: Window, margin: number): Tensor {
  return values
    .sub(low)
    .div(high - low)
    .clamp(-margin, 1 + margin);
}
