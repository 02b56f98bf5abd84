/** Prepares one volume for the store: reads it, and turns it into stored voxels. Runs in a worker thread. */
import { prepareVoxels, type PreparedVoxels, type PrepareOptions } from "@slicestack/volume";
import { isCt, type VolumeInput } from "../ingest/source.js";
import { arrayHash, fileHash, filesHash } from "../hash.js";
import { meanLungHu } from "../lung.js";
import { readInput } from "./read.js";
import type { Recipe } from "./recipe.js";
import { maskOf } from "./masks.js";

/** The job of preparing one volume. */
export interface VolumeJob {
  input: VolumeInput;
  recipe: Recipe;
  /** File of the region to keep, if the recipe has masks. */
  mask: string | null;
}

/** One volume as a model reads it; its facts tell what was done to it beyond the recipe. */
export interface PreparedScan extends PreparedVoxels {
  sha256: string;
}

/** One volume as it goes into the store. */
export interface PreparedVolume extends PreparedScan {
  voxelSha256: string;
  meanLungHu: number | null;
}

/** What a worker answers: seconds for reading and preparing. */
export type Timed<Prepared> = Prepared & { seconds: number };

/** @throws VolumeFormatError, VolumeFileError, DicomSeriesError, Error for what cannot be stored */
export async function prepareScan({ input, recipe, mask }: VolumeJob): Promise<PreparedScan> {
  const { volume, facts, sha256 } = await readInput(input, recipe);
  const options: PrepareOptions = { isScan: isCt(input), mask: await maskOf(recipe, mask) };
  const prepared = prepareVoxels(volume, recipe, options);
  return {
    ...prepared,
    sha256: sha256 ?? (await sha256Of(input)),
    facts: { ...facts, ...prepared.facts },
  };
}

/** As prepareScan, with what only the index of a data set holds. @throws the errors of prepareScan */
export async function prepareVolume(job: VolumeJob): Promise<PreparedVolume> {
  const prepared = await prepareScan(job);
  const { slices_SHW, shape, unit, geometry } = prepared;
  const [, height, width] = shape;
  const [x, y] = geometry.spacing;
  return {
    ...prepared,
    voxelSha256: arrayHash(slices_SHW),
    meanLungHu: unit === "HU" ? meanLungHu(slices_SHW, height, width, [x, y]) : null,
  };
}

/** SHA-256 of the file, or if there are several, of the hashes of the files in order. */
export async function sha256Of(input: VolumeInput): Promise<string> {
  if ("path" in input) return await fileHash(input.path);
  return await filesHash(input.kind === "dicom" ? input.files.map(({ path }) => path) : input.paths);
}
