/** Compares a prepared volume with its source, by the geometry in the index. */
import { resampleToGrid, type Volume } from "@slicestack/volume";
import type { SourceVolume } from "../data/ingest/source.js";
import { sha256Of } from "../data/prepare/volume.js";
import type { Dataset } from "../data/store.js";
import type { VolumeRecord } from "../data/volume-record.js";
import { InspectError } from "./errors.js";
import type { Identity } from "./identity.js";
import { readToLook, storedVolume, turned } from "./read.js";
import { preparedRegion, refuseTurned } from "./source-region.js";
import { openSource } from "./target.js";

export interface Comparison {
  id: string;
  /** Path of the volume below the source. */
  source: string;
  /** Whether the source has the hash in the index. */
  sameFile: boolean;
  /** Differences between the source's geometry and the index; null if the shape differs. */
  geometry: { spacingMm: number; originMm: number; direction: number } | null;
  /** |stored - source at the stored positions|, in the data set's unit, over all voxels. */
  difference: { largest: number; mean: number };
  /** Whether the largest difference can result from rounding to the stored type. */
  withinRounding: boolean;
}

export interface ComparedVolumes {
  comparison: Comparison;
  /** In LPS orientation, not cropped. */
  source: Volume;
  prepared: Volume;
  /** stored - source at the stored positions. */
  difference: Float32Array;
}

export interface CompareOptions {
  /** What the data set was prepared from: the folder, zip or archive, or the file of the volume. */
  source: string;
  identity: Identity;
  signal?: AbortSignal;
}

/** Half a unit, plus the errors of float32 and of a geometry with fewer decimals. */
const ROUNDING = 0.6;

/** @throws InspectError if the source lacks the volume, or has it in another orientation   @throws the errors of reading it */
export async function compareWithSource(
  dataset: Dataset,
  record: VolumeRecord,
  options: CompareOptions,
): Promise<ComparedVolumes> {
  const volume = await findSource(record, options);
  const allowGaps = dataset.info.recipe["gaps"] === "interpolated";
  const read = await readToLook(volume.input, { allowGaps, unit: record.unit });
  const source = turned(read.volume);
  const prepared = storedVolume(dataset, record);
  const difference = differenceOf(source, prepared, record);
  let [largest, sum] = [0, 0];
  for (const value of difference) {
    largest = Math.max(largest, Math.abs(value));
    sum += Math.abs(value);
  }
  const sha256 = read.sha256 ?? (await sha256Of(volume.input));
  const comparison: Comparison = {
    id: record.id,
    source: volume.path,
    sameFile: sha256 === record.sha256,
    geometry: geometryDifference(source, record.original),
    difference: { largest, mean: sum / difference.length },
    withinRounding: largest <= roundingOf(prepared),
  };
  return { comparison, source, prepared, difference };
}

/** Finds the volume by the path, or the hash of the series UID, in the index; a source with one volume needs neither. */
async function findSource(
  record: VolumeRecord,
  { source, identity, signal }: CompareOptions,
): Promise<SourceVolume> {
  const { volumes } = await openSource(source, signal === undefined ? {} : { signal });
  const byPath = volumes.find(({ path }) => path === record.source);
  if (byPath !== undefined) return byPath;
  const hashed = record.source.startsWith("dicom ")
    ? volumes.filter(({ input }) => input.kind === "dicom" && identity.series(input.series) === record.source)
    : [];
  // A reformatted series may share the UID: prepare used the larger one.
  const [largest] = hashed.sort((a, b) => (b.series?.slices ?? 0) - (a.series?.slices ?? 0));
  const [single] = volumes.length === 1 ? volumes : [];
  const best = largest ?? single;
  if (best !== undefined) return best;
  const salted = record.source.startsWith("dicom ")
    ? " Series are identified by a hash: pass the salt of the preparation with --salt-file."
    : "";
  throw new InspectError(
    `${source}: none of its ${volumes.length} volumes is ${record.source}, from which ${record.id} was prepared`,
    `Pass the source that the data set was prepared from, or the file of the volume.${salted}`,
  );
}

function differenceOf(source: Volume, prepared: Volume, { crop }: VolumeRecord): Float32Array {
  refuseTurned(source, prepared);
  const expected = resampleToGrid(preparedRegion(source, crop), prepared).data;
  return Float32Array.from(prepared.data, (value, k) => Number(value) - Number(expected[k]));
}

function roundingOf({ data }: Volume): number {
  if (!(data instanceof Float32Array)) return ROUNDING;
  return 1e-5 * data.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
}

function geometryDifference(source: Volume, original: VolumeRecord["original"]): Comparison["geometry"] {
  if (source.shape.some((n, axis) => n !== original.shape[axis])) return null;
  const largest = (a: readonly number[], b: readonly number[]) =>
    Math.max(...a.map((value, k) => Math.abs(value - b[k]!)));
  return {
    spacingMm: largest(source.spacing, original.spacing),
    originMm: largest(source.origin, original.origin),
    direction: largest(source.direction, original.direction),
  };
}
