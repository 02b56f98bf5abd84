/** Prepares one volume for the store: reads, reorients, crops and resamples it. Runs in a worker thread. */
import { createHash } from "node:crypto";
import { reorient, resample, type Triple, type Volume, type VoxelArray } from "@slicestack/volume";
import { FLAGS_COLUMN, refuseScaledFractions, valueFlags } from "../hu.js";
import { isCt, type VolumeInput } from "../ingest/source.js";
import { arrayHash, fileHash } from "../hash.js";
import { meanLungHu } from "../lung.js";
import { UnusableVolumeError } from "../reason.js";
import type { Geometry } from "../volume-record.js";
import type { StoreArray, StoreDtype } from "../store.js";
import { readInput } from "./read.js";
import type { Recipe } from "./recipe.js";
import { cropped } from "./crop.js";

/** The job of preparing one volume. */
export interface VolumeJob {
  input: VolumeInput;
  recipe: Recipe;
  /** File of the region to keep, if the recipe has masks. */
  mask: string | null;
}

/** One volume as it goes into the store. */
export interface PreparedVolume {
  slices_SHW: StoreArray;
  dtype: StoreDtype;
  /** S, H, W. */
  shape: Triple;
  unit: "HU" | "arbitrary";
  geometry: Geometry;
  original: Geometry & { shape: Triple };
  crop: number[] | null;
  sha256: string;
  voxelSha256: string;
  meanLungHu: number | null;
  /** What was done to it beyond the recipe: gaps filled, a tilt corrected … */
  facts: Record<string, string>;
}

/** What a worker answers. */
export interface TimedVolume extends PreparedVolume {
  /** Seconds for reading and preparing. */
  seconds: number;
}

/** @throws VolumeFormatError, VolumeFileError, DicomSeriesError, Error for what cannot be stored */
export async function prepareVolume({ input, recipe, mask }: VolumeJob): Promise<PreparedVolume> {
  const { volume: read, facts, sha256 } = await readInput(input, recipe);
  const source = isCt(input) ? reorient(withPlainNumbers(read), "LPS") : read;
  if (source.unit === "HU") {
    refuseNonFinite(source.data);
    refuseScaledFractions(source.data);
  }
  const flags = source.unit === "HU" ? valueFlags(source.data) : [];
  const { volume, box, facts: region } = await cropped(source, recipe, mask);
  const [nx, ny, nz] = volume.shape;
  const target: Triple = [
    recipe.size?.[1] ?? nx,
    recipe.size?.[0] ?? ny,
    recipe.depth === "native" ? nz : recipe.depth,
  ];
  const same = target.every((n, axis) => n === volume.shape[axis as 0]);
  const resized = same ? volume : resample(volume, target);
  const { data, dtype } = toStore(resized, recipe.dtype);
  const [width, height, slices] = target;
  const { spacing } = resized;
  return {
    slices_SHW: data,
    dtype,
    shape: [slices, height, width],
    unit: volume.unit,
    geometry: geometryOf(resized),
    original: { shape: [...source.shape], ...geometryOf(source) },
    crop: box,
    sha256: sha256 ?? (await sha256Of(input)),
    voxelSha256: arrayHash(data),
    meanLungHu: volume.unit === "HU" ? meanLungHu(data, height, width, [spacing[0], spacing[1]]) : null,
    facts: { ...facts, ...region, ...(flags.length > 0 ? { [FLAGS_COLUMN]: flags.join(" ") } : {}) },
  };
}

const geometryOf = ({ spacing, origin, direction }: Volume): Geometry => ({ spacing, origin, direction });

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
function toStore(volume: Volume, wanted: Recipe["dtype"]): { data: StoreArray; dtype: StoreDtype } {
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
  if (!floats.every(Number.isFinite)) throw new UnusableVolumeError("expected finite values, found NaN or infinity");
  return floats;
}

function toInt16(data: VoxelArray): Int16Array {
  if (data instanceof Int16Array) return data;
  const out = new Int16Array(data.length);
  for (let i = 0; i < out.length; i++) out[i] = Math.max(-32768, Math.min(32767, Math.round(data[i] ?? 0)));
  return out;
}

/** SHA-256 of the file, or if there are several, of the hashes of the files in order. */
export async function sha256Of(input: VolumeInput): Promise<string> {
  if ("path" in input) return await fileHash(input.path);
  const paths = input.kind === "dicom" ? input.files.map(({ path }) => path) : input.paths;
  const all = createHash("sha256");
  for (const path of paths) all.update(await fileHash(path));
  return all.digest("hex");
}
