/**
 * From stored slices to what a slice model sees: one transform, the same in training, embedding and prediction.
 * N stored slices, B slices of a batch, C channels, H height, W width.
 */
import { cat, fromTypedArray, functional as F, mapFile, scope, type Tensor } from "@slicestack/torch";
import { windowMargin } from "../augment/window.js";
import type { RunConfig } from "../config/types.js";
import { storeBytes, type Dataset } from "../data/store.js";

export interface SliceTransform {
  /** Values that become 0 and 1. */
  window: [number, number];
  mean: number;
  std: number;
  /** How far beyond 0..1 values are kept, so that a jittered window (augment/window.ts) finds what it shows. */
  margin: number;
  /** Air, or the lowest value of data that are no HU, on the scale of the window: what lies outside of a slice. */
  air: number;
  /** Height and width that the model sees. */
  size: [number, number];
  device: string;
}

export function sliceTransform(
  config: Pick<RunConfig, "transform" | "slice">,
  dataset: Dataset,
  device: string,
): SliceTransform {
  const { window, mean, std, augment } = config.transform;
  const { range, height, width } = dataset.info;
  const size = config.slice.size ?? [height, width];
  const [low, high] = window ?? range;
  const margin = windowMargin(augment);
  const air = Math.min(1 + margin, Math.max(-margin, (range[0] - low) / (high - low)));
  return { window: [low, high], mean, std, margin, air, size, device };
}

/** All slices of a data set, memory-mapped and, where the model sees another size, resized once. */
export class SliceStore implements Disposable {
  readonly transform: SliceTransform;
  readonly count: number;
  readonly #slices_NHW: Tensor;

  constructor(dataset: Dataset, transform: SliceTransform) {
    const { info, slicesOffset, slicesPath, volumes } = dataset;
    this.transform = transform;
    this.count = volumes.reduce((sum, volume) => sum + volume.count, 0);
    this.#slices_NHW = scope(() => {
      const size = this.count * info.height * info.width * storeBytes[info.dtype];
      const mapped = mapFile(slicesPath, slicesOffset + size).narrow(0, slicesOffset, size);
      // libtorch 1.13 has no uint16; its values are read as int16 and mended in #values.
      const stored_NHW = mapped
        .viewDtype(info.dtype === "uint16" ? "int16" : info.dtype)
        .view(this.count, info.height, info.width);
      const same = transform.size[0] === info.height && transform.size[1] === info.width;
      if (same && transform.device === "cpu" && info.dtype !== "uint16") return stored_NHW;
      return this.#resized(stored_NHW, info.dtype === "uint16");
    }).keep();
  }

  /** Windowed, kept as float32 on the device: a resized data set is small. */
  #resized(stored_NHW: Tensor, unsigned16: boolean): Tensor {
    const { size, device } = this.transform;
    const parts = stored_NHW.split(256).map((part_BHW) =>
      scope(() => {
        const raw_BHW = part_BHW.to({ dtype: "float32" });
        const value_BHW = unsigned16 ? raw_BHW.remainder(65536) : raw_BHW;
        const wide_B1HW = this.#windowed(value_BHW).unsqueeze(1);
        return F.interpolate(wide_B1HW, size, { mode: "bilinear", antialias: true }).squeeze(1).to({ device });
      }),
    );
    this.#isWindowed = true;
    return cat(parts);
  }
  #isWindowed = false;

  #windowed(value_BHW: Tensor): Tensor {
    const [low, high] = this.transform.window;
    const { margin } = this.transform;
    return value_BHW
      .sub(low)
      .div(high - low)
      .clamp(-margin, 1 + margin);
  }

  /** The slices at these indices, windowed: unit_B1HW, 0..1. */
  unit(indices: readonly number[]): Tensor {
    return scope(() => {
      const wide_B1HW = this.wide(indices);
      return this.transform.margin === 0 ? wide_B1HW : wide_B1HW.clamp(0, 1);
    });
  }

  /** The same, cut at -margin and 1 + margin: what augmentation takes. */
  wide(indices: readonly number[]): Tensor {
    return scope(() => {
      const index = fromTypedArray(BigInt64Array.from(indices, BigInt), [indices.length], {
        device: this.transform.device,
      });
      const chosen_BHW = this.#slices_NHW.indexSelect(0, index);
      return (this.#isWindowed ? chosen_BHW : this.#windowed(chosen_BHW.to({ dtype: "float32" }))).unsqueeze(1);
    });
  }

  /** unit_B1HW → x_BCHW: normalised, repeated over the channels. */
  normalise(unit_B1HW: Tensor, channels: number): Tensor {
    const { mean, std } = this.transform;
    return scope(() => unit_B1HW.sub(mean).div(std).expand(-1, channels, -1, -1).contiguous());
  }

  [Symbol.dispose](): void {
    this.#slices_NHW.dispose();
  }
}
