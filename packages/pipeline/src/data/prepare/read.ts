/** Reads the voxels of one volume, whatever its layout. Runs in a worker thread. */
import {
  GEOMETRY_FACT,
  named,
  message,
  stackSlices,
  UnusableVolumeError,
  volumeOfColumns,
  volumeOfSlices,
  type NpyArray,
  type Volume,
  type VolumeFormat,
} from "@slicestack/volume";
import {
  openNpyFile,
  readNiftiHeader,
  readNpy,
  readRasterHeader,
  readSlice,
  readVolume,
} from "@slicestack/volume/node";
import { arrayHash } from "../hash.js";
import { readDicom } from "../ingest/dicom.js";
import type { VolumeInput } from "../ingest/source.js";
import type { Recipe } from "./recipe.js";
import { missingIn, refuseGaps, withGapsFilled } from "./slice-gaps.js";

export interface ReadResult {
  volume: Volume;
  /** What was corrected, for subjects.csv. */
  facts: Record<string, string>;
  /** Hash of the item's values if the file contains many volumes, or of the files that were hashed as they were read. */
  sha256?: string;
}

/** The settings of a recipe that matter here; `allowSingle` accepts a DICOM series of one slice, for inspection. */
export type ReadOptions = Pick<Recipe, "unit" | "allowGaps"> & { allowSingle?: boolean };

/** @throws VolumeFormatError, VolumeFileError, DicomSeriesError */
export async function readInput(input: VolumeInput, recipe: ReadOptions): Promise<ReadResult> {
  const unit = recipe.unit === null ? {} : { unit: recipe.unit };
  switch (input.kind) {
    case "file":
      return await readFile(input.path, unit);
    case "npy":
      return arrayResult(volumeOfColumns(await readNpy(input.path), input.path), unit);
    case "npy-item":
      return await readItem(input, unit);
    case "npy-slices":
    case "images":
      return await readNumbered(input, recipe, unit);
    case "dicom":
      return await readDicom(input, recipe);
    case "npz-item":
      throw new Error(`${input.path}: an archive is unpacked before its items are read`);
  }
}

/** One file per slice; missing slices are refused, or interpolated from their neighbours. */
async function readNumbered(
  { kind, paths, numbers }: VolumeInput & { kind: "npy-slices" | "images" },
  { allowGaps }: ReadOptions,
  unit: Unit,
): Promise<ReadResult> {
  refuseGaps(paths, numbers, allowGaps);
  const volume = kind === "images" ? await readImages(paths) : await readSlices(paths);
  const { facts, ...read } = arrayResult(withGapsFilled(volume, numbers), unit);
  const filled = missingIn(numbers);
  return { ...read, facts: filled === 0 ? facts : { ...facts, gaps_filled: String(filled) } };
}

async function readImages(paths: readonly string[]): Promise<Volume> {
  const slices = [];
  for (const path of paths) slices.push(await readSlice(path));
  return stackSlices(slices);
}

type Unit = { unit?: "HU" | "arbitrary" };

async function readFile(path: string, unit: Unit): Promise<ReadResult> {
  const { volume, format } = await readVolume(path, unit);
  const notes = await geometryNotes(path, format);
  return { volume, facts: notes.length > 0 ? { [GEOMETRY_FACT]: notes.join("; ") } : {} };
}

async function geometryNotes(path: string, format: VolumeFormat): Promise<string[]> {
  if (format === "NIfTI") return (await readNiftiHeader(path)).geometryNotes;
  return format === "NRRD" || format === "MetaImage"
    ? (await readRasterHeader(path, format)).geometryNotes
    : [];
}

const arrayResult = (volume: Volume, unit: Unit): ReadResult => ({
  volume: { ...volume, ...unit },
  facts: {},
});

async function readItem(input: VolumeInput & { kind: "npy-item" }, unit: Unit): Promise<ReadResult> {
  const { path, item, order } = input;
  await using file = await openNpyFile(path);
  const { dtype, data, shape } = await file.stack.readRange(item, 1);
  const array: NpyArray = { dtype, data, shape: shape.slice(1), fortranOrder: false };
  const sha256 = arrayHash(data);
  const volume = order === "HWS" ? volumeOfColumns(array, path) : volumeOfSlices(array, path);
  return { ...arrayResult(volume, unit), sha256 };
}

/** Stacks arrays (H, W) of one size and type. */
async function readSlices(paths: readonly string[]): Promise<Volume> {
  const slices = await Promise.all(paths.map(async (path) => ({ path, array: await readNpy(path) })));
  const [first] = slices;
  if (first === undefined) throw new UnusableVolumeError("expected slices, found none");
  const like = first.array;
  const [height = 0, width = 0] = like.shape;
  const plane = height * width;
  const Voxels = like.data.constructor as new (length: number) => typeof like.data;
  const data = new Voxels(plane * paths.length);
  for (const [k, { path, array }] of slices.entries()) {
    const same = array.shape[0] === height && array.shape[1] === width && array.dtype === like.dtype;
    if (!same) {
      const wanted = `${like.dtype} ${height} x ${width}`;
      throw new UnusableVolumeError(
        message`expected slices of ${wanted}, but ${named(path, "one")} is ${array.dtype} ${array.shape.join(" x ")}`,
      );
    }
    data.set(array.data, k * plane);
  }
  return volumeOfSlices({
    dtype: like.dtype,
    data,
    shape: [paths.length, height, width],
    fortranOrder: false,
  });
}
