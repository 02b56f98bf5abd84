/**
 * Whole volumes as the input of a 3D model, in the axis order of the published weights: x_B1HWD.
 * B volumes, H height, W width, D slices in slice order.
 */
import { cat, functional as F, scope, stack, type Tensor } from "@slicestack/torch";
import type { Spacing } from "../augment/augment.js";
import type { VolumeRecord } from "../data/volume-record.js";
import type { VolumeInput } from "./schema.js";
import { storedValues, type SourceVolume, type VoxelSource } from "./source.js";
import { windowed } from "./values.js";

/** On the device where the model computes. */
export interface VolumeTransform extends Omit<VolumeInput, "size"> {
  /** Height, width and slices of the input; null: volumes are not resized. */
  size: VolumeInput["size"] | null;
  device: string;
}

export class VolumeStore implements Disposable {
  readonly transform: VolumeTransform;
  readonly #source: VoxelSource;

  /** @param source disposed with the store */
  constructor(source: VoxelSource, transform: VolumeTransform) {
    this.transform = transform;
    this.#source = source;
  }

  /** unit_B1HWD, 0..1 */
  unit(volumes: readonly Pick<VolumeRecord, "first" | "count">[]): Tensor {
    return scope(() => {
      const wide_B1HWD = this.wide(volumes);
      return this.transform.margin === 0 ? wide_B1HWD : wide_B1HWD.clamp(0, 1);
    });
  }

  /** Like `unit`, but clipped at -margin and 1 + margin, for augmentation. */
  wide(volumes: readonly Pick<VolumeRecord, "first" | "count">[]): Tensor {
    const { windows, margin, device } = this.transform;
    return scope(() =>
      stack(
        volumes.map(({ first, count }) =>
          scope(() => {
            const values_SHW = storedValues(
              this.#source.stored_NHW.narrow(0, first, count).to({ device }),
              this.#source,
            );
            const wide_HWD = windowed(values_SHW, windows[0]!, margin).permute(1, 2, 0);
            return this.#sized(wide_HWD.unsqueeze(0)).contiguous();
          }),
        ),
      ),
    );
  }

  /**
   * Distance of voxel centres in mm along x, y and z in the input of the model: resizing changes it, cropping and padding do
   * not.
   */
  spacing({ geometry, count }: Pick<SourceVolume, "geometry" | "count">): Spacing {
    const [x, y, z] = geometry.spacing;
    const { size, fit } = this.transform;
    if (size === null || fit === "pad") return [x, y, z];
    const { height, width } = this.#source;
    return [(x * width) / size[1], (y * height) / size[0], (z * count) / size[2]];
  }

  /** x_1HWD → the size of the model */
  #sized(x_1HWD: Tensor): Tensor {
    const { size, fit } = this.transform;
    if (size === null || size.every((n, axis) => n === x_1HWD.size(axis + 1))) return x_1HWD;
    if (fit === "resize")
      return F.interpolate(x_1HWD.unsqueeze(0), [...size], { mode: "trilinear" }).squeeze(0);
    return size.reduce((x, n, axis) => this.#padded(x, axis + 1, n), x_1HWD);
  }

  /** Cropped, or padded with air, to length n along an axis, symmetrically. */
  #padded(x: Tensor, axis: number, n: number): Tensor {
    const length = x.size(axis);
    if (length >= n) return x.narrow(axis, Math.floor((length - n) / 2), n);
    const air = this.transform.air as number;
    const before = Math.floor((n - length) / 2);
    const fill = (count: number) =>
      x
        .narrow(axis, 0, 1)
        .mul(0)
        .add(air)
        .repeat(...x.shape.map((_, k) => (k === axis ? count : 1)));
    const parts = [...(before > 0 ? [fill(before)] : []), x, fill(n - length - before)];
    return cat(parts, axis);
  }

  /** unit_B1HWD → x_B1HWD, normalised like slices. */
  normalise(unit_B1HWD: Tensor): Tensor {
    const { mean, std } = this.transform;
    return scope(() => unit_B1HWD.sub(mean).div(std));
  }

  [Symbol.dispose](): void {
    this.#source[Symbol.dispose]();
  }
}
