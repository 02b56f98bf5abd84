/**
 * Slices as a slice model sees them: windowed, with their neighbours and other windows as channels, in one plane or three.
 * N slices of the data set, B slices of a batch, C channels (windows, and within each the neighbours), H height, W width.
 */
import { cat, fromTypedArray, functional as F, scope, type Tensor } from "@slicestack/torch";
import type { PixelShape } from "../augment/augment.js";
import type { RunConfig } from "../config/types.js";
import type { Dataset, VolumeRecord } from "../data/store.js";
import { mapSlices, storedValues, valueTransform, windowed, type ValueTransform } from "./transform.js";

export interface SliceTransform extends ValueTransform {
  /** Odd: a slice, and those before and behind it in its volume. */
  neighbours: number;
  /** three: axial slices, then as many coronal and sagittal ones. */
  planes: "axial" | "three";
  /** Height and width that the model sees. */
  size: [number, number];
  device: string;
}

export function sliceTransform(
  config: Pick<RunConfig, "transform" | "slice">,
  dataset: Dataset,
  device: string,
): SliceTransform {
  const { neighbours, planes } = config.transform;
  const { height, width } = dataset.info;
  const size = config.slice.size ?? [height, width];
  return { ...valueTransform(config, dataset, neighbours), neighbours, planes, size, device };
}

/** Channels of the slices of such a transform. */
export const channelsOf = ({ windows, neighbours }: Pick<SliceTransform, "windows" | "neighbours">): number =>
  windows.length * neighbours;

/**
 * All slices of a data set: mapped into memory, or, where the model sees another size or other planes, made once and
 * held. A slice goes by its number: axial ones by their row of slices.npy, coronal ones from N on, sagittal ones from 2 N.
 */
export class SliceStore implements Disposable {
  readonly transform: SliceTransform;
  /** Slices of all planes. */
  readonly count: number;
  readonly channels: number;
  /** Values of the data set, N x H x W; as stored, or float32. */
  readonly #slices_NHW: Tensor;
  readonly #dataset: Dataset;
  readonly #held: boolean;
  /** By their first row. */
  readonly #volumes: ReadonlyMap<number, VolumeRecord>;
  /** Of each row: the first and the last row of its volume, where neighbours end. */
  readonly #first: Int32Array;
  readonly #last: Int32Array;

  constructor(dataset: Dataset, transform: SliceTransform) {
    const { info, volumes } = dataset;
    this.transform = transform;
    this.channels = channelsOf(transform);
    this.#dataset = dataset;
    const rows = volumes.reduce((sum, volume) => sum + volume.count, 0);
    this.count = rows * planesOf(transform);
    this.#volumes = new Map(volumes.map((volume) => [volume.first, volume]));
    this.#first = new Int32Array(rows);
    this.#last = new Int32Array(rows);
    for (const { first, count } of volumes) {
      this.#first.fill(first, first, first + count);
      this.#last.fill(first + count - 1, first, first + count);
    }
    const same = transform.size[0] === info.height && transform.size[1] === info.width;
    this.#held = !(same && transform.planes === "axial" && transform.device === "cpu");
    this.#slices_NHW = scope(() => {
      const mapped_NHW = mapSlices(dataset);
      return this.#held ? this.#made(mapped_NHW) : mapped_NHW;
    }).keep();
  }

  /** Numbers of a volume's slices: from the first to the last, of each plane. */
  slicesOf({ first, count }: Pick<VolumeRecord, "first" | "count">): number[] {
    const rows = this.#first.length;
    const planes = planesOf(this.transform);
    return Array.from({ length: planes * count }, (_, k) => Math.floor(k / count) * rows + first + (k % count));
  }

  /** Which axial slice of its volume it is, from 0 on; null for a coronal or sagittal one. */
  placeOf({ first }: Pick<VolumeRecord, "first">, slice: number): number | null {
    return slice < this.#first.length ? slice - first : null;
  }

  /** In mm, as the model sees the slice: a resize stretches it, and coronal and sagittal ones have the slices' distance down. */
  pixel(slice: number): PixelShape {
    const rows = this.#first.length;
    const { geometry, count } = this.#volumes.get(this.#first[slice % rows]!)!;
    const [x, y, z] = geometry.spacing;
    const { height, width } = this.#dataset.info;
    const [down, across] = this.transform.size;
    const [width_mm, height_mm] = [
      [x * width, y * height],
      [x * width, z * count],
      [y * height, z * count],
    ][Math.floor(slice / rows)]!;
    return [width_mm! / across, height_mm! / down];
  }

  /** All planes at the size of the model, float32 on the device. */
  #made(mapped_NHW: Tensor): Tensor {
    const { planes, device } = this.transform;
    const axial = mapped_NHW
      .split(256)
      .map((part) => scope(() => this.#sized(storedValues(part, this.#dataset)).to({ device })));
    if (planes === "axial") return cat(axial);
    const across = ([1, 2] as const).flatMap((axis) =>
      this.#dataset.volumes.map(({ first, count }) =>
        scope(() => this.#sized(this.#cut(mapped_NHW.narrow(0, first, count), axis)).to({ device })),
      ),
    );
    return cat([...axial, ...across]);
  }

  /** As many slices across an axis of a volume as it has axial ones, at even distances; the head is up. */
  #cut(volume_SHW: Tensor, axis: 1 | 2): Tensor {
    const [count = 1] = volume_SHW.shape;
    const length = volume_SHW.size(axis);
    const places = BigInt64Array.from({ length: count }, (_, k) => BigInt(Math.floor(((k + 0.5) * length) / count)));
    const chosen = storedValues(volume_SHW.indexSelect(axis, fromTypedArray(places, [count])), this.#dataset);
    return (axis === 1 ? chosen.permute(1, 0, 2) : chosen.permute(2, 0, 1)).flip(1).contiguous();
  }

  #sized(values_BHW: Tensor): Tensor {
    const { size } = this.transform;
    if (values_BHW.size(1) === size[0] && values_BHW.size(2) === size[1]) return values_BHW;
    return F.interpolate(values_BHW.unsqueeze(1), size, { mode: "bilinear", antialias: true }).squeeze(1);
  }

  /** The slices of these numbers, windowed: unit_BCHW, 0..1. */
  unit(slices: readonly number[]): Tensor {
    return scope(() => {
      const wide_BCHW = this.wide(slices);
      return this.transform.margin === 0 ? wide_BCHW : wide_BCHW.clamp(0, 1);
    });
  }

  /** The same, cut at -margin and 1 + margin: what augmentation takes. */
  wide(slices: readonly number[]): Tensor {
    const { neighbours, windows, margin, device } = this.transform;
    return scope(() => {
      const numbers = neighbours === 1 ? slices : slices.flatMap((slice) => this.#around(slice));
      const index = fromTypedArray(BigInt64Array.from(numbers, BigInt), [numbers.length], { device });
      const chosen_NHW = this.#slices_NHW.indexSelect(0, index);
      const values_NHW = this.#held ? chosen_NHW : storedValues(chosen_NHW, this.#dataset);
      const values_BCHW = values_NHW.view(slices.length, neighbours, ...values_NHW.shape.slice(1));
      const channels = windows.map((window) => windowed(values_BCHW, window, margin));
      return channels.length === 1 ? channels[0]! : cat(channels, 1);
    });
  }

  /** A slice and its neighbours within its volume and plane; at the ends the last one again. */
  #around(slice: number): number[] {
    const rows = this.#first.length;
    const row = slice % rows;
    const [first, last] = [this.#first[row] ?? row, this.#last[row] ?? row];
    const reach = (this.transform.neighbours - 1) / 2;
    return Array.from(
      { length: 2 * reach + 1 },
      (_, k) => slice - row + Math.min(last, Math.max(first, row - reach + k)),
    );
  }

  /** unit_BCHW → x_BCHW: normalised; one channel is repeated where the model expects a colour image. */
  normalise(unit_BCHW: Tensor, channels: number): Tensor {
    const { mean, std } = this.transform;
    return scope(() => {
      const x_BCHW = unit_BCHW.sub(mean).div(std);
      return (x_BCHW.size(1) === channels ? x_BCHW : x_BCHW.expand(-1, channels, -1, -1)).contiguous();
    });
  }

  [Symbol.dispose](): void {
    this.#slices_NHW.dispose();
  }
}

const planesOf = ({ planes }: Pick<SliceTransform, "planes">): number => (planes === "three" ? 3 : 1);
