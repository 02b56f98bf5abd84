/**
 * Whole volumes as a 3D model sees them, in the axis order of the published weights: x_B1HWD.
 * B volumes, H height, W width, D slices in slice order.
 */
import { cat, functional as F, scope, stack, type Tensor } from "@slicestack/torch";
import type { Spacing } from "../augment/augment.js";
import { ConfigError } from "../config/errors.js";
import type { RunConfig } from "../config/types.js";
import type { Dataset, VolumeRecord } from "../data/store.js";
import type { VolumeSize } from "./common/sizes.js";
import { mapSlices, storedValues, valueTransform, windowed, type ValueTransform } from "./transform.js";

export interface VolumeTransform extends ValueTransform {
  /** null: volumes stay as they are stored. */
  size: VolumeSize | null;
  fit: "resize" | "pad";
  device: string;
}

/** @throws ConfigError where the volumes have several depths and no size is given, or where there are several windows */
export function volumeTransform(
  config: Pick<RunConfig, "transform" | "volume">,
  dataset: Dataset,
  device: string,
): VolumeTransform & { size: VolumeSize } {
  const { size, fit } = config.volume;
  const { height, width } = dataset.info;
  const depths = dataset.volumes.map(({ count }) => count);
  const [least, most] = [Math.min(...depths), Math.max(...depths)];
  const refuse = (key: string, message: string): never => {
    throw new ConfigError([{ key, message: `${key}: ${message}` }]);
  };
  if (config.transform.windows !== null)
    refuse("transform.windows", "the 3D models see one window; give transform.window");
  if (size === null && least !== most)
    refuse("volume.size", `the data set has ${least} to ${most} slices a volume; give [${height}, ${width}, ${most}]`);
  return { ...valueTransform(config, dataset), size: size ?? [height, width, most], fit, device };
}

export class VolumeStore implements Disposable {
  readonly transform: VolumeTransform;
  readonly #mapped_NHW: Tensor;
  readonly #dataset: Dataset;

  constructor(dataset: Dataset, transform: VolumeTransform) {
    this.transform = transform;
    this.#dataset = dataset;
    this.#mapped_NHW = mapSlices(dataset).keep();
  }

  /** unit_B1HWD, 0..1 */
  unit(volumes: readonly Pick<VolumeRecord, "first" | "count">[]): Tensor {
    return scope(() => {
      const wide_B1HWD = this.wide(volumes);
      return this.transform.margin === 0 ? wide_B1HWD : wide_B1HWD.clamp(0, 1);
    });
  }

  /** The same, cut at -margin and 1 + margin: what augmentation takes. */
  wide(volumes: readonly Pick<VolumeRecord, "first" | "count">[]): Tensor {
    const { windows, margin, device } = this.transform;
    return scope(() =>
      stack(
        volumes.map(({ first, count }) =>
          scope(() => {
            const values_SHW = storedValues(this.#mapped_NHW.narrow(0, first, count).to({ device }), this.#dataset);
            const wide_HWD = windowed(values_SHW, windows[0]!, margin).permute(1, 2, 0);
            return this.#sized(wide_HWD.unsqueeze(0)).contiguous();
          }),
        ),
      ),
    );
  }

  /**
   * Distance of voxel centres in mm along x, y and z as the model sees a volume: a resize stretches it, cutting and filling
   * up do not.
   */
  spacing({ geometry, count }: Pick<VolumeRecord, "geometry" | "count">): Spacing {
    const [x, y, z] = geometry.spacing;
    const { size, fit } = this.transform;
    if (size === null || fit === "pad") return [x, y, z];
    const { height, width } = this.#dataset.info;
    return [(x * width) / size[1], (y * height) / size[0], (z * count) / size[2]];
  }

  /** x_1HWD → the size of the model */
  #sized(x_1HWD: Tensor): Tensor {
    const { size, fit } = this.transform;
    if (size === null || size.every((n, axis) => n === x_1HWD.size(axis + 1))) return x_1HWD;
    if (fit === "resize") return F.interpolate(x_1HWD.unsqueeze(0), [...size], { mode: "trilinear" }).squeeze(0);
    return size.reduce((x, n, axis) => this.#padded(x, axis + 1, n), x_1HWD);
  }

  /** Cut, or filled up with air, to length n along an axis, the middle staying the middle. */
  #padded(x: Tensor, axis: number, n: number): Tensor {
    const length = x.size(axis);
    if (length >= n) return x.narrow(axis, Math.floor((length - n) / 2), n);
    const air = this.transform.air as number;
    const before = Math.floor((n - length) / 2);
    const fill = (count: number) => x.narrow(axis, 0, 1).mul(0).add(air).repeat(...x.shape.map((_, k) => (k === axis ? count : 1))); // prettier-ignore
    const parts = [...(before > 0 ? [fill(before)] : []), x, fill(n - length - before)];
    return cat(parts, axis);
  }

  /** unit_B1HWD → x_B1HWD, normalised as slices are. */
  normalise(unit_B1HWD: Tensor): Tensor {
    const { mean, std } = this.transform;
    return scope(() => unit_B1HWD.sub(mean).div(std));
  }

  [Symbol.dispose](): void {
    this.#mapped_NHW.dispose();
  }
}
