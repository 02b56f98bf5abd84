/**
 * Sources of voxels: prepared volumes of the same height, width and type, one after another. A source is a prepared data
 * set on disk, mapped into memory, or volumes in memory.
 * N slices of all volumes, H height, W width.
 */
import { statSync } from "node:fs";
import { cat, fromTypedArray, mapFile, scope, type Tensor } from "@slicestack/torch";
import { DatasetError } from "../data/errors.js";
import { storeBytes, type Dataset, type StoreArray, type StoreDtype } from "../data/store.js";
import type { VolumeRecord } from "../data/volume-record.js";

/** A volume of a source: `count` slices, beginning at row `first`, with its spacing in mm. */
export type SourceVolume = Pick<VolumeRecord, "first" | "count"> & {
  geometry: Pick<VolumeRecord["geometry"], "spacing">;
};

export interface VoxelSource extends Disposable {
  readonly height: number;
  readonly width: number;
  readonly dtype: StoreDtype;
  readonly volumes: readonly SourceVolume[];
  /** Stored values, N x H x W, on the CPU; uint16 is stored as int16, see `storedValues`. */
  readonly stored_NHW: Tensor;
}

/** A prepared data set: slices.npy is mapped, never copied. @throws DatasetError if it was removed or truncated since */
export function datasetSource({ info, slicesPath, slicesOffset, volumes }: Dataset): VoxelSource {
  const { height, width, dtype } = info;
  const count = volumes.reduce((sum, volume) => sum + volume.count, 0);
  const bytes = count * height * width * storeBytes[dtype];
  checkSlices(slicesPath, slicesOffset + bytes);
  const stored_NHW = scope(() =>
    mapFile(slicesPath, slicesOffset + bytes)
      .narrow(0, slicesOffset, bytes)
      .viewDtype(dtype === "uint16" ? "int16" : dtype) // libtorch 1.13 has no uint16: see storedValues
      .view(count, height, width),
  ).keep();
  return { height, width, dtype, volumes, stored_NHW, [Symbol.dispose]: () => stored_NHW.dispose() };
}

/** A stage may start hours after the data set was opened. */
function checkSlices(path: string, bytes: number): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size !== undefined && size >= bytes) return;
  const problem =
    size === undefined ? "no longer exists" : `expected ${bytes} bytes, but it now has only ${size}`;
  throw new DatasetError(
    path,
    problem,
    "Restore the data set; then the same command, or --resume, continues.",
  );
}

/** A prepared volume, H x W within a slice, slice after slice. */
export interface MemoryVolume {
  voxels: StoreArray;
  count: number;
  spacing: readonly [x: number, y: number, z: number];
}

/** Volumes in memory, of one height, width and type. */
export function memorySource(
  { height, width, dtype }: Pick<VoxelSource, "height" | "width" | "dtype">,
  given: readonly MemoryVolume[],
): VoxelSource {
  let first = 0;
  const volumes = given.map(({ count, spacing: [x, y, z] }): SourceVolume => {
    first += count;
    return { first: first - count, count, geometry: { spacing: [x, y, z] } };
  });
  const stored_NHW = scope(() =>
    cat(given.map(({ voxels, count }) => fromTypedArray(asStored(voxels), [count, height, width]))),
  ).keep();
  return { height, width, dtype, volumes, stored_NHW, [Symbol.dispose]: () => stored_NHW.dispose() };
}

/** The bits of uint16 as int16. */
function asStored(voxels: StoreArray): Exclude<StoreArray, Uint16Array> {
  if (!(voxels instanceof Uint16Array)) return voxels;
  return new Int16Array(voxels.buffer, voxels.byteOffset, voxels.length);
}

/** Values of stored slices as float32. */
export function storedValues(stored: Tensor, { dtype }: Pick<VoxelSource, "dtype">): Tensor {
  return scope(() => {
    const values = stored.to({ dtype: "float32" });
    return dtype === "uint16" ? values.remainder(65536) : values;
  });
}
