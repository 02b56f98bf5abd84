import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { reorient, resample, type Volume, type VoxelArray } from "@slicestack/volume";
import { readNifti, readNpy } from "@slicestack/volume/node";
import { meanLungHu } from "./lung.js";
import type { StoreDtype } from "./store.js";

/** What is asked of one source file. */
export interface VolumeJob {
  path: string;
  kind: "nifti" | "npy";
  /** H, W; null keeps the source's. */
  size: [number, number] | null;
  depth: number | "native";
}

export type StoreArray = Int16Array | Uint8Array | Uint16Array | Float32Array;

/** One volume as it goes into the store. */
export interface PreparedVolume {
  slices_SHW: StoreArray;
  dtype: StoreDtype;
  /** S, H, W. */
  shape: [number, number, number];
  unit: "HU" | "arbitrary";
  spacing: [number, number, number];
  originalShape: [number, number, number];
  originalSpacing: [number, number, number];
  sha256: string;
  meanLungHu: number | null;
}

/** Reads, turns and resamples one file. @throws VolumeFormatError, VolumeFileError, Error for what cannot be stored */
export async function prepareVolume(job: VolumeJob): Promise<PreparedVolume> {
  const volume = job.kind === "nifti" ? await readCt(job.path) : await readArray(job.path);
  const [nx, ny, nz] = volume.shape;
  const target: [number, number, number] = [
    job.size?.[1] ?? nx,
    job.size?.[0] ?? ny,
    job.depth === "native" ? nz : job.depth,
  ];
  const same = target.every((n, axis) => n === volume.shape[axis as 0]);
  const resized = same ? volume : resample(volume, target);
  const { data, dtype } = toStore(resized);
  const [width, height, slices] = target;
  const spacing = resized.spacing;
  const isHu = volume.unit === "HU";
  return {
    slices_SHW: data,
    dtype,
    shape: [slices, height, width],
    unit: volume.unit,
    spacing: micrometres(spacing),
    originalShape: [...volume.shape],
    originalSpacing: micrometres(volume.spacing),
    sha256: await sha256Of(job.path),
    meanLungHu: isHu ? meanLungHu(data, height, width, [spacing[0], spacing[1]]) : null,
  };
}

/** NIfTI keeps spacing in 32 bits: 3.27 mm comes back as 3.2699999809. */
function micrometres(spacing: readonly number[]): [number, number, number] {
  return spacing.map((mm) => Math.round(mm * 1e4) / 1e4) as [number, number, number];
}

/** HU, turned so that x runs to the left, y to the back and z to the head: slices go from the feet up. */
async function readCt(path: string): Promise<Volume> {
  const volume = await readNifti(path, { unit: "HU" });
  if (!volume.data.every(Number.isFinite))
    throw new Error("expected finite HU, it holds NaN or infinity; export it again");
  return reorient(volume, "LPS");
}

/** The published layout of ready-made volumes: array (H, W, S), slices along the last axis in their order. */
async function readArray(path: string): Promise<Volume> {
  const array = await readNpy(path);
  const [height, width, slices] = array.shape;
  if (array.shape.length !== 3 || height === undefined || width === undefined || slices === undefined) {
    throw new Error(`expected an array (H, W, slices), its shape is (${array.shape.join(", ")})`);
  }
  if (array.data.length === 0) throw new Error(`expected voxels, its shape is (${array.shape.join(", ")})`);
  const source = array.data;
  const data = new (source.constructor as new (length: number) => VoxelArray)(source.length);
  const plane = height * width;
  for (let s = 0; s < slices; s++) {
    for (let i = 0; i < plane; i++) data[s * plane + i] = source[i * slices + s] ?? 0;
  }
  return {
    data,
    shape: [width, height, slices],
    spacing: [1, 1, 1],
    origin: [0, 0, 0],
    direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    unit: "arbitrary",
  };
}

/** HU become int16; other values keep their dtype where the store has it, else become float32. */
function toStore(volume: Volume): { data: StoreArray; dtype: StoreDtype } {
  const { data } = volume;
  if (volume.unit === "HU") return { data: toInt16(data), dtype: "int16" };
  if (data instanceof Uint8Array) return { data, dtype: "uint8" };
  if (data instanceof Uint16Array) return { data, dtype: "uint16" };
  if (data instanceof Int16Array) return { data, dtype: "int16" };
  const floats = data instanceof Float32Array ? data : Float32Array.from(data);
  if (!floats.every(Number.isFinite)) throw new Error("expected finite values, it holds NaN or infinity");
  return { data: floats, dtype: "float32" };
}

function toInt16(data: VoxelArray): Int16Array {
  if (data instanceof Int16Array) return data;
  const out = new Int16Array(data.length);
  for (let i = 0; i < out.length; i++) out[i] = Math.max(-32768, Math.min(32767, Math.round(data[i] ?? 0)));
  return out;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
