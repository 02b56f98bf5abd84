/**
 * Slices as the input of a slice model: windowed, with neighbours and other windows as channels, in one plane or three.
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
 * All slices of a source: as stored, or, if the model takes another size or other planes, computed once and kept in memory.
 * Slices are numbered: axial ones by their row of slices.npy, coronal ones beginning at N, sagittal ones at 2 N.
 */
export class SliceStore implements Disposable {
  readonly transform: SliceTransform;
  /** Slices of all planes. */
  readonly count: number;
  readonly channels: number;
  readonly #source: VoxelSource;
  /** N x H x W: as stored in the source, or float32 at the size of the model. */
  readonly #slices_NHW: Tensor;
  readonly #held: boolean;
  /** By their first row. */
  readonly #volumes: ReadonlyMap<number, SourceVolume>;
  /** The first and the last row of each row's volume, which limit its neighbours. */
  readonly #first: Int32Array;
  readonly #last: Int32Array;

  /** @param source disposed with the store */
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
    this.#slices_NHW = this.#held
      ? scope(() => this.#computeSlices(source.stored_NHW)).keep()
      : source.stored_NHW;
  }

  /** Numbers of a volume's slices: from the first to the last, of each plane. */
  slicesOf({ first, count }: Pick<VolumeRecord, "first" | "count">): number[] {
    const rows = this.#first.length;
    const planes = planesOf(this.transform);
    return Array.from(
      { length: planes * count },
      (_, k) => Math.floor(k / count) * rows + first + (k % count),
    );
  }

  /** The index of an axial slice in its volume, counted from 0; null for a coronal or sagittal slice. */
  locationOf({ first }: Pick<VolumeRecord, "first">, slice: number): number | null {
    return slice < this.#first.length ? slice - first : null;
  }

  /** Pixel size in mm at the size of the model; in coronal and sagittal slices, rows are at the distance of axial slices. */
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
  #computeSlices(mapped_NHW: Tensor): Tensor {
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

  /** As many slices across an axis of a volume as it has axial ones, evenly spaced; the head is at the top. */
  #cut(volume_SHW: Tensor, axis: 1 | 2): Tensor {
    const [count = 1] = volume_SHW.shape;
    const length = volume_SHW.size(axis);
    const places = BigInt64Array.from({ length: count }, (_, k) =>
      BigInt(Math.floor(((k + 0.5) * length) / count)),
    );
    const chosen = storedValues(volume_SHW.indexSelect(axis, fromTypedArray(places, [count])), this.#source);
    return (axis === 1 ? chosen.permute(1, 0, 2) : chosen.permute(2, 0, 1)).flip(1).contiguous();
  }

  #sized(values_BHW: Tensor): Tensor {
    const { size } = this.transform;
    if (values_BHW.size(1) === size[0] && values_BHW.size(2) === size[1]) return values_BHW;
    return F.interpolate(values_BHW.unsqueeze(1), size, { mode: "bilinear", antialias: true }).squeeze(1);
  }

  /** The slices with these numbers, windowed: unit_BCHW, 0..1. */
  unit(slices: readonly number[]): Tensor {
    return scope(() => {
      const wide_BCHW = this.wide(slices);
      return this.transform.margin === 0 ? wide_BCHW : wide_BCHW.clamp(0, 1);
    });
  }

  /** Like `unit`, but clipped at -margin and 1 + margin, for augmentation. */
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

  /** A slice and its neighbours within its volume and plane; at the ends, the last slice is repeated. */
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

  /** unit_BCHW → x_BCHW: normalised; one channel is repeated if the model expects a colour image. */
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
