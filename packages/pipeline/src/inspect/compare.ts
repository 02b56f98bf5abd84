/** A prepared volume against its source, through the geometry that the index keeps. */
import { type Volume } from "@slicestack/volume";
import type { SourceVolume } from "../data/ingest/source.js";
import { sha256Of } from "../data/prepare/volume.js";
import type { Dataset } from "../data/store.js";
import type { VolumeRecord } from "../data/volume-record.js";
import { InspectError } from "./errors.js";
import type { Identity } from "./identity.js";
import { readToLook, storedVolume, turned } from "./read.js";
import { sampleSlices } from "./sample.js";
import { openSource } from "./target.js";

export interface Comparison {
  id: string;
  /** Path of the volume below the source. */
  source: string;
  /** The source has the hash that the index keeps. */
  sameFile: boolean;
  /** How far the source's geometry is from what the index says of it; null where even the shape differs. */
  geometry: { spacingMm: number; originMm: number; direction: number } | null;
  /** |stored - source at the stored places|, in the data set's unit, over all voxels. */
  difference: { largest: number; mean: number };
  /** The largest difference is no more than rounding to the stored type makes. */
  withinRounding: boolean;
}

export interface ComparedVolumes {
  comparison: Comparison;
  /** Turned upright, whole. */
  source: Volume;
  prepared: Volume;
  /** stored - source at the stored places. */
  difference: Float32Array;
}

export interface CompareOptions {
  /** Where the data set was prepared from: the folder, zip or archive, or the one file. */
  source: string;
  identity: Identity;
  signal?: AbortSignal;
}

/** Half a unit, and what float32 and a geometry of fewer decimals add. */
const ROUNDING = 0.6;

/** @throws InspectError no such volume in the source, or one that lies otherwise   @throws what reading it throws */
export async function compareWithSource(
  dataset: Dataset,
  record: VolumeRecord,
  options: CompareOptions,
): Promise<ComparedVolumes> {
  const found = await findSource(record, options);
  const allowGaps = dataset.info.recipe["gaps"] === "interpolated";
  const read = await readToLook(found.input, { allowGaps, unit: record.unit });
  const source = turned(read.volume);
  const prepared = storedVolume(dataset, record);
  const difference = differenceOf(source, prepared, record);
  let [largest, sum] = [0, 0];
  for (const value of difference) {
    largest = Math.max(largest, Math.abs(value));
    sum += Math.abs(value);
  }
  const sha256 = read.sha256 ?? (await sha256Of(found.input));
  const comparison: Comparison = {
    id: record.id,
    source: found.path,
    sameFile: sha256 === record.sha256,
    geometry: apart(source, record.original),
    difference: { largest, mean: sum / difference.length },
    withinRounding: largest <= roundingOf(prepared),
  };
  return { comparison, source, prepared, difference };
}

/** By the path, or the hash of the series' UID, that the index keeps; where the source holds one volume, that one. */
async function findSource(record: VolumeRecord, { source, identity, signal }: CompareOptions): Promise<SourceVolume> {
  const { volumes } = await openSource(source, signal === undefined ? {} : { signal });
  const named = volumes.find(({ path }) => path === record.source);
  if (named !== undefined) return named;
  const hashed = record.source.startsWith("dicom ")
    ? volumes.filter(({ input }) => input.kind === "dicom" && identity.series(input.series) === record.source)
    : [];
  // A reformat may have its series' UID: the larger one is what prepare took.
  const [largest] = hashed.sort((a, b) => (b.series?.slices ?? 0) - (a.series?.slices ?? 0));
  const [only] = volumes.length === 1 ? volumes : [];
  const best = largest ?? only;
  if (best !== undefined) return best;
  const salted = record.source.startsWith("dicom ")
    ? " Series go by a hash: name the salt of then with --salt-file."
    : "";
  throw new InspectError(
    `${source}: none of its ${volumes.length} volumes is ${record.source}, from which ${record.id} was prepared`,
    `Give the source that the data set was prepared from, or the one file.${salted}`,
  );
}

function differenceOf(source: Volume, prepared: Volume, { crop }: VolumeRecord): Float32Array {
  const difference = new Float32Array(prepared.data.length);
  let at = 0;
  for (const slice of sampleSlices(source, prepared, { box: crop, smooth: true }))
    for (const value of slice) {
      difference[at] = prepared.data[at]! - value;
      at++;
    }
  return difference;
}

function roundingOf({ data }: Volume): number {
  if (!(data instanceof Float32Array)) return ROUNDING;
  return 1e-5 * data.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
}

function apart(source: Volume, original: VolumeRecord["original"]): Comparison["geometry"] {
  if (source.shape.some((n, axis) => n !== original.shape[axis])) return null;
  const largest = (a: readonly number[], b: readonly number[]) =>
    Math.max(...a.map((value, k) => Math.abs(value - b[k]!)));
  return {
    spacingMm: largest(source.spacing, original.spacing),
    originMm: largest(source.origin, original.origin),
    direction: largest(source.direction, original.direction),
  };
}
