/**
 * Compares the arrays that loaders give to a model for one volume: values 0..1 of the window before augmentation, and
 * normalised values. H rows, W columns, D slices, S slices of a batch.
 */
import { scope, type Tensor } from "@slicestack/torch";
import { arrayHash } from "../data/hash.js";
import type { Dataset } from "../data/store.js";
import type { VolumeRecord } from "../data/volume-record.js";
import { sliceTransform, type SliceInputConfig } from "../input/of-config.js";
import { datasetSource } from "../input/source.js";
import { SliceStore, type SliceTransform } from "../input/slices.js";
import type { Window } from "../input/schema.js";
import { VolumeStore } from "../input/volumes.js";

/** A loader of whole volumes as the input of a model. */
export interface VolumeLoader extends Disposable {
  /** Name in tables and pictures. */
  readonly name: string;
  /** unit_HWD, 0..1, float32. */
  volume(record: VolumeRecord): Tensor;
}

export interface LoadedArray {
  loader: string;
  /** H, W, D. */
  shape: number[];
  min: number;
  max: number;
  mean: number;
  /** Of its float32 values in the order H, W, D. */
  sha256: string;
}

export interface InputsComparison {
  id: string;
  window: Window;
  mean: number;
  std: number;
  arrays: LoadedArray[];
  /** Largest difference of any array from the first, 0..1 values. */
  largestDifference: number;
  /** Largest difference after normalisation. */
  largestNormalised: number;
}

export interface Loaded {
  comparison: InputsComparison;
  /** D slices of H x W, one array per loader. */
  slices_DHW: Float32Array[];
}

/** Slice by slice, as in the slice stage. */
class SliceLoader implements VolumeLoader {
  readonly name = "2D loader";
  readonly #store: SliceStore;

  constructor(dataset: Dataset, transform: SliceTransform) {
    this.#store = new SliceStore(datasetSource(dataset), transform);
  }

  volume({ first, count }: VolumeRecord): Tensor {
    const indices = Array.from({ length: count }, (_, k) => first + k);
    return scope(() => this.#store.unit(indices).squeeze(1).permute(1, 2, 0).contiguous());
  }

  [Symbol.dispose](): void {
    this.#store[Symbol.dispose]();
  }
}

/** The complete volume at its stored size, as for 3D models. */
export class WholeLoader implements VolumeLoader {
  readonly name = "3D loader";
  readonly #store: VolumeStore;

  constructor(dataset: Dataset, transform: SliceTransform) {
    this.#store = new VolumeStore(datasetSource(dataset), { ...transform, size: null, fit: "resize" });
  }

  volume(record: VolumeRecord): Tensor {
    return scope(() => this.#store.unit([record]).squeeze(0).squeeze(0));
  }

  [Symbol.dispose](): void {
    this.#store[Symbol.dispose]();
  }
}

/** The first window of a configuration, without neighbours: the transform that both kinds of loaders support. */
export function plainTransform(dataset: Dataset, config: SliceInputConfig): SliceTransform {
  const transform = sliceTransform(config, dataset, "cpu");
  const air = Array.isArray(transform.air) ? transform.air[0]! : transform.air;
  return { ...transform, windows: transform.windows.slice(0, 1), air, neighbours: 1, planes: "axial" };
}

/**
 * All loaders of a data set for a configuration. If slices are resized (`slice.size`), the 3D loader is left out, because
 * 3D models have a separate size (`network.size`).
 */
export function loadersOf(dataset: Dataset, config: SliceInputConfig): VolumeLoader[] {
  const transform = plainTransform(dataset, config);
  const { height, width } = dataset.info;
  const stored = transform.size[0] === height && transform.size[1] === width;
  return [new SliceLoader(dataset, transform), ...(stored ? [new WholeLoader(dataset, transform)] : [])];
}

/** Loads one volume with every loader and compares the arrays. Needs libtorch. @throws the errors of the loaders */
export function compareInputs(
  dataset: Dataset,
  record: VolumeRecord,
  config: SliceInputConfig,
  loaders: readonly VolumeLoader[],
): Loaded {
  const { windows, mean, std } = plainTransform(dataset, config);
  return scope(() => {
    const units_HWD = loaders.map((loader) => loader.volume(record));
    const largest = (of: (unit_HWD: Tensor) => Tensor) =>
      Math.max(
        ...units_HWD.map((unit_HWD) => scope(() => largestDifference(of(unit_HWD), of(units_HWD[0]!)))),
      );
    const comparison: InputsComparison = {
      id: record.id,
      window: windows[0]!,
      mean,
      std,
      arrays: units_HWD.map((unit_HWD, k) => arrayFacts(loaders[k]!.name, unit_HWD)),
      largestDifference: largest((unit_HWD) => unit_HWD),
      largestNormalised: largest((unit_HWD) => unit_HWD.sub(mean).div(std)),
    };
    const slices_DHW = units_HWD.map((unit_HWD) =>
      scope(() => unit_HWD.permute(2, 0, 1).contiguous().toTypedArray() as Float32Array),
    );
    return { comparison, slices_DHW };
  });
}

/** Infinity if shapes differ. */
function largestDifference(a: Tensor, b: Tensor): number {
  if (a.shape.join() !== b.shape.join()) return Infinity;
  return a.sub(b).abs().max().item();
}

function arrayFacts(loader: string, unit_HWD: Tensor): LoadedArray {
  const values = unit_HWD.toTypedArray();
  return {
    loader,
    shape: [...unit_HWD.shape],
    min: scope(() => unit_HWD.min().item()),
    max: scope(() => unit_HWD.max().item()),
    mean: scope(() => unit_HWD.mean().item()),
    sha256: arrayHash(values),
  };
}
