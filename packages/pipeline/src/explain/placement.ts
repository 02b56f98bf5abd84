/**
 * From the input of a model back to the grid of the stored volume, the reverse of input/slices.ts and input/volumes.ts.
 * S slices, H height, W width of the stored volume; N slices of the input, C channels, h x w its size.
 */
import { cat, functional as F, fromTypedArray, scope, zeros, type Tensor } from "@slicestack/torch";
import type { VolumeRecord } from "../data/volume-record.js";
import { planesOf } from "../input/schema.js";
import type { SliceTransform } from "../input/slices.js";
import type { VolumeTransform } from "../input/volumes.js";

type VolumeRows = Pick<VolumeRecord, "first" | "count">;

/** Height and width of the stored slices. */
type Stored = readonly [height: number, width: number];

/** The plane of a slice number, and its position in the stack of that plane. */
interface SlicePlace {
  plane: "axial" | "coronal" | "sagittal";
  row: number;
}

const PLANES = ["axial", "coronal", "sagittal"] as const;

/** @param rows axial slices of the data set: coronal slices are numbered after them, then sagittal ones */
export function slicePlace(slice: number, rows: number, { first }: VolumeRows): SlicePlace {
  return { plane: PLANES[Math.floor(slice / rows)]!, row: (slice % rows) - first };
}

export interface SliceGrid {
  transform: Pick<SliceTransform, "neighbours" | "planes" | "windows">;
  stored: Stored;
  rows: number;
}

/**
 * values_NChw of the slices with these numbers → SHW. A channel with a neighbour is added to the neighbour's slice, windows
 * are summed, and coronal and sagittal planes are interpolated. Slices that are not in the input have 0.
 */
export function slicesToVolume(
  values_NChw: Tensor,
  slices: readonly number[],
  volume: VolumeRows,
  grid: SliceGrid,
): Tensor {
  const { transform, rows } = grid;
  const { neighbours, windows } = transform;
  return scope(() => {
    const [count = 0, , height = 0, width = 0] = values_NChw.shape;
    const shown_NKhw = values_NChw.reshape(count, windows.length, neighbours, height, width).sum(1);
    const places = slices.map((slice) => slicePlace(slice, rows, volume));
    const volumes = PLANES.flatMap((plane) => {
      const inPlane = places.flatMap((place, k) => (place.plane === plane ? [k] : []));
      if (inPlane.length === 0) return [];
      const stack = stackPlane(shown_NKhw, inPlane, places, volume.count);
      return [
        plane === "axial"
          ? resized(stack, [volume.count, ...grid.stored])
          : acrossToVolume(stack, plane, volume.count, grid.stored),
      ];
    });
    return volumes.slice(1).reduce((sum, next) => sum.add(next), volumes[0]!);
  });
}

/** Like `slicesToVolume`, for one map per slice: the mean over the planes. map_Nhw → SHW */
export function mapsToVolume(
  map_Nhw: Tensor,
  slices: readonly number[],
  volume: VolumeRows,
  grid: SliceGrid,
): Tensor {
  const single = {
    ...grid,
    transform: { ...grid.transform, neighbours: 1, windows: [[0, 1] as [number, number]] },
  };
  return scope(() =>
    slicesToVolume(map_Nhw.unsqueeze(1), slices, volume, single).div(planesOf(grid.transform)),
  );
}

/** The stacked slices of one plane: S x h x w, with channel k of slice s added to slice s + k - reach. */
function stackPlane(
  shown_NKhw: Tensor,
  indices: readonly number[],
  places: readonly SlicePlace[],
  count: number,
): Tensor {
  const [, neighbours = 1, height = 0, width = 0] = shown_NKhw.shape;
  const reach = (neighbours - 1) / 2;
  const inside = (row: number) => Math.min(count - 1, Math.max(0, row));
  const { device } = shown_NKhw;
  const rows = indices.flatMap((k) =>
    Array.from({ length: neighbours }, (_, n) => inside(places[k]!.row + n - reach)),
  );
  const chosen = shown_NKhw.indexSelect(0, indexOf(indices, device)).reshape(rows.length, height * width);
  const index = indexOf(rows, device)
    .unsqueeze(1)
    .expand(-1, height * width);
  return zeros([count, height * width], { device })
    .scatterAdd(0, index.contiguous(), chosen)
    .view(count, height, width);
}

/** Coronal or sagittal slices, head at the top, evenly spaced → SHW */
function acrossToVolume(
  stack_Phw: Tensor,
  plane: "coronal" | "sagittal",
  count: number,
  [height, width]: Stored,
): Tensor {
  const upright = stack_Phw.flip(1);
  const turned = plane === "coronal" ? upright.permute(1, 0, 2) : upright.permute(1, 2, 0);
  return resized(turned, [count, height, width]);
}

/** Values of a 3D input: values_HWD → SHW. Cropped voxels have 0. */
export function voxelsToVolume(
  values_HWD: Tensor,
  volume: VolumeRows,
  { fit, size }: Pick<VolumeTransform, "fit" | "size">,
  [height, width]: Stored,
): Tensor {
  return scope(() => {
    const values_DHW = values_HWD.permute(2, 0, 1);
    const target = [volume.count, height, width] as const;
    if (size === null || fit === "resize") return resized(values_DHW, target);
    return target.reduce((values, n, axis) => uncroppedAxis(values, axis, n), values_DHW).contiguous();
  });
}

/** Undoes the symmetric cropping or padding of an axis. */
function uncroppedAxis(values: Tensor, axis: number, n: number): Tensor {
  const length = values.size(axis);
  if (length >= n) return values.narrow(axis, Math.floor((length - n) / 2), n);
  const before = Math.floor((n - length) / 2);
  const zeroSlices = (count: number) =>
    zeros(
      values.shape.map((side, k) => (k === axis ? count : side)),
      { device: values.device },
    );
  return cat([zeroSlices(before), values, zeroSlices(n - length - before)], axis);
}

/** Linear, over the same field of view. */
function resized(values_DHW: Tensor, target: readonly [number, number, number]): Tensor {
  if (target.every((n, axis) => n === values_DHW.size(axis))) return values_DHW.contiguous();
  return F.interpolate(values_DHW.contiguous().unsqueeze(0).unsqueeze(0), [...target], {
    mode: "trilinear",
  }).view(...target);
}

const indexOf = (numbers: readonly number[], device: string): Tensor =>
  fromTypedArray(BigInt64Array.from(numbers, BigInt), [numbers.length], { device });
