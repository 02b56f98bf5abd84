/** Some volumes of a source as a view of test-time augmentation shows them: mirrored or moved, in memory. */
import { cat, fromTypedArray, scope, type Tensor } from "@slicestack/torch";
import type { VoxelSource } from "../input/source.js";
import type { View } from "../models/test-time.js";
import type { Volume } from "./features.js";

/** @returns the source, which the caller disposes, and the volumes at their places in it */
export function viewedSource(
  source: VoxelSource,
  volumes: readonly Volume[],
  view: View,
): { source: VoxelSource; volumes: Volume[] } {
  let first = 0;
  const placed = volumes.map((volume) => {
    first += volume.count;
    return { ...volume, first: first - volume.count };
  });
  const given = new Map(source.volumes.map((one) => [one.first, one]));
  const stored_NHW = scope(() =>
    cat(volumes.map((one) => seen(source.stored_NHW.narrow(0, one.first, one.count), view))),
  ).keep();
  const { height, width, dtype } = source;
  return {
    source: {
      height,
      width,
      dtype,
      volumes: placed.map(({ first, count }, k) => ({
        first,
        count,
        geometry: given.get(volumes[k]!.first)!.geometry,
      })),
      stored_NHW,
      [Symbol.dispose]: () => stored_NHW.dispose(),
    },
    volumes: placed,
  };
}

function seen(stored_SHW: Tensor, view: View): Tensor {
  if (view.kind === "mirror") return stored_SHW.flip({ slices: 0, vertical: 1, horizontal: 2 }[view.axis]);
  if (view.kind === "window") return stored_SHW;
  return moved(moved(stored_SHW, 1, view.down), 2, view.right);
}

/** Moved along a dimension; what comes in repeats the edge. */
function moved(stored_SHW: Tensor, dimension: number, by: number): Tensor {
  if (by === 0) return stored_SHW;
  const length = stored_SHW.size(dimension);
  const from = BigInt64Array.from({ length }, (_, k) => BigInt(Math.min(length - 1, Math.max(0, k - by))));
  return stored_SHW.indexSelect(dimension, fromTypedArray(from, [length]));
}
