/** From a volume to the voxels that a model reads: turned to LPS, checked, cropped, resampled, and stored in few bytes. */
import { reorient } from "../geometry.js";
import { resample } from "../resample/resample.js";
import type { Triple, Volume, VoxelArray } from "../volume.js";
import { FLAGS_FACT } from "./facts.js";
import { refuseScaledFractions, valueFlags } from "./hounsfield-range.js";
import type { PrepareRecipe } from "./recipe.js";
import { cropped } from "./region.js";
import type { StoreArray, StoreDtype } from "./store-dtype.js";
import { UnusableVolumeError } from "./unusable.js";

/** Where voxels are: world(i, j, k) = origin + direction · (i, j, k) · spacing, in LPS mm. */
export interface VoxelGeometry {
  spacing: Triple;
  origin: Triple;
  /** Row-major 3 x 3. */
  direction: readonly number[];
}

export interface PrepareOptions {
  /** Whether the volume has a place in space and is turned to LPS; arrays and pictures stay as they are. */
  isScan: boolean;
  /** The region to keep, in the space of the volume. Default: that of the recipe. */
  mask?: Volume | null;
}

/** A volume as it is stored, and as a model reads it. */
export interface PreparedVoxels {
  slices_SHW: StoreArray;
  dtype: StoreDtype;
  /** S, H, W. */
  shape: Triple;
  unit: "HU" | "arbitrary";
  geometry: VoxelGeometry;
  /** Of the source, turned to LPS, before crop and resampling. */
  original: VoxelGeometry & { shape: Triple };
  /** x0, x1, y0, y1, z0, z1 in voxels of the source, ends excluded; null if nothing was cropped. */
  crop: number[] | null;
  /** What was found: see FLAGS_FACT and preparationDoubts. */
  facts: Record<string, string>;
}

/**
 * The same bytes on Node and in browsers.
 * @throws UnusableVolumeError the region is missing, or values are not HU or not finite   @throws RegionError the mask
 */
export function prepareVoxels(
  volume: Volume,
  recipe: PrepareRecipe,
  options: PrepareOptions,
): PreparedVoxels {
  const source = options.isScan ? reorient(withPlainNumbers(volume), "LPS") : volume;
  if (source.unit === "HU") {
    refuseNonFinite(source.data);
    refuseScaledFractions(source.data);
  }
  const flags = source.unit === "HU" ? valueFlags(source.data) : [];
  const { volume: kept, box, facts } = cropped(source, recipe, options.mask ?? null);
  const [nx, ny, nz] = kept.shape;
  const target: Triple = [
    recipe.size?.[1] ?? nx,
    recipe.size?.[0] ?? ny,
    recipe.depth === "native" ? nz : recipe.depth,
  ];
  const same = target.every((n, axis) => n === kept.shape[axis as 0]);
  const resized = same ? kept : resample(kept, target);
  const { data, dtype } = toStore(resized, recipe.dtype);
  const [width, height, slices] = target;
  return {
    slices_SHW: data,
    dtype,
    shape: [slices, height, width],
    unit: kept.unit,
    geometry: geometryOf(resized),
    original: { shape: [...source.shape], ...geometryOf(source) },
    crop: box,
    facts: { ...facts, ...(flags.length > 0 ? { [FLAGS_FACT]: flags.join(" ") } : {}) },
  };
}

const geometryOf = ({ spacing, origin, direction }: Volume): VoxelGeometry => ({
  spacing,
  origin,
  direction,
});

/** NIfTI stores 32-bit numbers, so 3.27 mm reads 3.2699999809265137: takes the shortest decimal of the same 32 bits. */
function withPlainNumbers(volume: Volume): Volume {
  const plain = (value: number) => {
    if (Math.fround(value) !== value) return value;
    for (let digits = 1; digits <= 9; digits++) {
      const short = Number(value.toPrecision(digits));
      if (Math.fround(short) === value) return short;
    }
    return value;
  };
  const { spacing, origin, direction } = volume;
  const triple = (values: Triple) => values.map(plain) as Triple;
  return { ...volume, spacing: triple(spacing), origin: triple(origin), direction: direction.map(plain) };
}

function refuseNonFinite(data: VoxelArray): void {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return;
  if (!data.every(Number.isFinite))
    throw new UnusableVolumeError("expected finite HU, found NaN or infinity; export it again");
}

/** HU become int16; other values keep their dtype if the store has it, and become float32 otherwise. */
function toStore(volume: Volume, wanted: PrepareRecipe["dtype"]): { data: StoreArray; dtype: StoreDtype } {
  const { data } = volume;
  if (volume.unit === "HU") return { data: toInt16(data), dtype: "int16" };
  if (wanted === "float32") return { data: finiteFloats(data), dtype: "float32" };
  if (data instanceof Uint8Array) return { data, dtype: "uint8" };
  if (data instanceof Uint16Array) return { data, dtype: "uint16" };
  if (data instanceof Int16Array) return { data, dtype: "int16" };
  return { data: finiteFloats(data), dtype: "float32" };
}

function finiteFloats(data: VoxelArray): Float32Array {
  const floats = data instanceof Float32Array ? data : Float32Array.from(data);
  if (!floats.every(Number.isFinite))
    throw new UnusableVolumeError("expected finite values, found NaN or infinity");
  return floats;
}

function toInt16(data: VoxelArray): Int16Array {
  if (data instanceof Int16Array) return data;
  const out = new Int16Array(data.length);
  for (let i = 0; i < out.length; i++) out[i] = Math.max(-32768, Math.min(32767, Math.round(data[i] ?? 0)));
  return out;
}
