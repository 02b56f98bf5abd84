/**
 * Slices as a slice model sees them: windowed, with their neighbours and other windows as channels, in one plane or three.
 * N slices of the data set, B slices of a batch, C channels (windows, and within each the neighbours), H height, W width.
 */
import { cat, fromTypedArray, functional as F, scope, type Tensor } from "@slicestack/torch";
import type { PixelShape } from "../augment/augment.js";
import type { VolumeRecord } from "../data/volume-record.js";
import { channelsOf, planesOf, type SliceInput } from "./schema.js";
import { storedValues, type SourceVolume, type VoxelSource } from "./source.js";
import { windowed } from "./values.js";

/** On the device where the model computes. */
export type SliceTransform = SliceInput & { device: string };

/**
 * All slices of a source: as it holds them, or, where the model sees another size or other planes, made once and
 * held. A slice goes by its number: axial ones by their row of slices.npy, coronal ones from N on, sagittal ones from 2 N.
 */
export class SliceStore implements Disposable {
  readonly transform: SliceTransform;
  /** Slices of all planes. */
  readonly count: number;
  readonly channels: number;
  readonly #source: VoxelSource;
  /** N x H x W: as the source stores them, or float32 at the size of the model. */
  readonly #slices_NHW: Tensor;
  readonly #held: boolean;
  /** By their first row. */
  readonly #volumes: ReadonlyMap<number, SourceVolume>;
  /** Of each row: the first and the last row of its volume, where neighbours end. */
  readonly #first: Int32Array;
  readonly #last: Int32Array;

  /** @param source owned by it from now on */
  constructor(source: VoxelSource, transform: SliceTransform) {
    const { height, width, volumes } = source;
    this.transform = transform;
    this.channels = channelsOf(transform);
    this.#source = source;
    const rows = volumes.reduce((sum, volume) => sum + volume.count, 0);
    this.count = rows * planesOf(transform);
    this.#volumes = new Map(volumes.map((volume) => [volume.first, volume]));
    this.#first = new Int32Array(rows);
    this.#last = new Int32Array(rows);
    for (const { first, count } of volumes) {
      this.#first.fill(first, first, first + count);
      this.#last.fill(first + count - 1, first, first + count);
    }
    const same = transform.size[0] === height && transform.size[1] === width;
    this.#held = !(same && transform.planes === "axial" && transform.device === "cpu");
    this.#slices_NHW = this.#held ? scope(() => this.#made(source.stored_NHW)).keep() : source.stored_NHW;
  }

  /** Numbers of a volume's slices: from the first to the last, of each plane. */
  slicesOf({ first, count }: Pick<VolumeRecord, "first" | "count">): number[] {
    const rows = this.#first.length;
    const planes = planesOf(this.transform);
    return Array.from({ length: planes * count }, (_, k) => Math.floor(k / count) * rows + first + (k % count));
  }

  /** Which axial slice of its volume it is, from 0 on; null for a coronal or sagittal one. */
  locationOf({ first }: Pick<VolumeRecord, "first">, slice: number): number | null {
    return slice < this.#first.length ? slice - first : null;
  }

  /** In mm, as the model sees the slice: a resize stretches it, and coronal and sagittal ones have the slices' distance down. */
  pixel(slice: number): PixelShape {
    const rows = this.#first.length;
    const { geometry, count } = this.#volumes.get(this.#first[slice % rows]!)!;
    const [x, y, z] = geometry.spacing;
    const { height, width } = this.#source;
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
      .map((part) => scope(() => this.#sized(storedValues(part, this.#source)).to({ device })));
    if (planes === "axial") return cat(axial);
    const across = ([1, 2] as const).flatMap((axis) =>
      this.#source.volumes.map(({ first, count }) =>
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
    const chosen = storedValues(volume_SHW.indexSelect(axis, fromTypedArray(places, [count])), this.#source);
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
      const values_NHW = this.#held ? chosen_NHW : storedValues(chosen_NHW, this.#source);
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
    if (this.#held) this.#slices_NHW.dispose();
    this.#source[Symbol.dispose]();
  }
}
