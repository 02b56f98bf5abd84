/**
 * From stored values to what a model sees: one transform, the same in training, embedding and prediction, for slices and for
 * volumes (trap 6 of the published code: its stages normalised differently).
 */
import { statSync } from "node:fs";
import { mapFile, scope, type Tensor } from "@slicestack/torch";
import { windowMargin } from "../augment/window.js";
import type { RunConfig } from "../config/types.js";
import { DatasetError } from "../data/errors.js";
import { storeBytes, type Dataset } from "../data/store.js";

export type Window = readonly [low: number, high: number];

/** From values to the scale of a window. */
export interface ValueTransform {
  /** Values that become 0 and 1; each is a channel. */
  windows: readonly Window[];
  /** How far beyond 0..1 values are kept, so that a jittered window (augment/window.ts) finds what it shows. */
  margin: number;
  /**
   * Air, or the lowest value of data that are no HU, on the scale of the window: what lies outside of a slice. One number,
   * or one a channel where they differ.
   */
  air: number | number[];
  /** Subtracted and divided by at last. */
  mean: number;
  std: number;
}

/** @param channels of each window, beside one another */
export function valueTransform(
  { transform }: Pick<RunConfig, "transform">,
  { info }: Pick<Dataset, "info">,
  channels = 1,
): ValueTransform {
  const { mean, std, augment } = transform;
  const windows = transform.windows ?? [transform.window ?? info.range];
  const margin = windowMargin(augment);
  const airs = windows.map(([low, high]) => {
    const least = info.dtype === "float32" ? Math.min(info.range[0], low) : info.range[0]; // floats may leave 0..1
    return Math.min(1 + margin, Math.max(-margin, (least - low) / (high - low)));
  });
  const alike = airs.every((air) => air === airs[0]);
  const air = alike ? (airs[0] ?? 0) : airs.flatMap((one) => new Array<number>(channels).fill(one));
  return { windows, margin, air, mean, std };
}

/** Values → the scale of a window, cut at -margin and 1 + margin. */
export function windowed(values: Tensor, [low, high]: Window, margin: number): Tensor {
  return values
    .sub(low)
    .div(high - low)
    .clamp(-margin, 1 + margin);
}

/** slices.npy as a tensor, N x H x W, mapped into memory and never copied whole. @throws DatasetError gone, or cut meanwhile */
export function mapSlices({ info, slicesPath, slicesOffset, volumes }: Dataset): Tensor {
  return scope(() => {
    const count = volumes.reduce((sum, volume) => sum + volume.count, 0);
    const bytes = count * info.height * info.width * storeBytes[info.dtype];
    checkSlices(slicesPath, slicesOffset + bytes);
    return mapFile(slicesPath, slicesOffset + bytes)
      .narrow(0, slicesOffset, bytes)
      .viewDtype(info.dtype === "uint16" ? "int16" : info.dtype) // libtorch 1.13 has no uint16: see stored()
      .view(count, info.height, info.width);
  });
}

/** A stage may begin hours after the data set was opened. */
function checkSlices(path: string, bytes: number): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size !== undefined && size >= bytes) return;
  const problem = size === undefined ? "is no longer there" : `expected ${bytes} bytes, it has only ${size} now`;
  throw new DatasetError(
    path,
    problem,
    "Put the data set back as it was; then the same command, or --resume, goes on.",
  );
}

/** Values of mapped slices as float32. */
export function storedValues(mapped: Tensor, { info }: Pick<Dataset, "info">): Tensor {
  return scope(() => {
    const values = mapped.to({ dtype: "float32" });
    return info.dtype === "uint16" ? values.remainder(65536) : values;
  });
}
