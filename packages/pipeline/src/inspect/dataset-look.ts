/** Summarises a prepared data set. */
import { existsSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { SplitError } from "../data/errors.js";
import { PARTS, type Part } from "../data/split/parts.js";
import { readSplits, splitPath } from "../data/split/split.js";
import { labelsOf, readStored, storeBytes, type Dataset, type StoreArray } from "../data/store.js";
import type { Progress } from "../engine/progress.js";
import { coarseHistogram, type Histogram } from "./histogram.js";
import { rangeOf, ValueCounts, type ValueFacts } from "./values.js";

/** Smallest, median and largest value. */
export type Spread = [least: number, median: number, most: number];

export interface ClassCount {
  label: number;
  name: string;
  subjects: number;
  volumes: number;
  /** Volumes; null without a split. */
  parts: Record<Part, number> | null;
}

export interface DatasetLook {
  kind: "dataset";
  name: string;
  directory: string;
  hash: string;
  volumes: number;
  subjects: number;
  slices: number;
  height: number;
  width: number;
  depth: Spread;
  dtype: string;
  unit: "HU" | "arbitrary";
  /** Of slices.npy, without its header. */
  bytes: number;
  classes: ClassCount[];
  /** In words; null if there is no split.json. */
  split: string | null;
  /** Of the sources, in LPS orientation. */
  source: { columns: Spread; rows: Spread; slices: Spread; pixelSpacing: Spread; sliceSpacing: Spread };
  values: ValueFacts;
  histogram: Histogram;
  recipe: Record<string, unknown>;
  versions: Record<string, string>;
  quarantined: { source: string; reason: string }[];
}

export interface WholeOptions {
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

/** Reads every slice once. @throws DatasetError */
export async function lookAtDataset(
  dataset: Dataset,
  options: WholeOptions = {},
): Promise<{ look: DatasetLook; counts: ValueCounts }> {
  const { info, volumes, directory } = dataset;
  const counts = await countDataset(dataset, options);
  const slices = volumes.reduce((sum, { count }) => sum + count, 0);
  const split = splitOf(dataset);
  const of = (pick: (volume: (typeof volumes)[number]) => number) => spreadOf(volumes.map(pick));
  const look: DatasetLook = {
    kind: "dataset",
    name: info.name,
    directory,
    hash: info.hash,
    volumes: volumes.length,
    subjects: new Set(volumes.map(({ subject }) => subject)).size,
    slices,
    height: info.height,
    width: info.width,
    depth: of(({ count }) => count),
    dtype: info.dtype,
    unit: info.unit,
    bytes: slices * info.height * info.width * storeBytes[info.dtype],
    classes: classCounts(dataset, split.parts),
    split: split.text,
    source: {
      columns: of(({ original }) => original.shape[0]),
      rows: of(({ original }) => original.shape[1]),
      slices: of(({ original }) => original.shape[2]),
      pixelSpacing: of(({ original }) => original.spacing[0]),
      sliceSpacing: of(({ original }) => original.spacing[2]),
    },
    values: counts.facts(),
    histogram: coarseHistogram(counts, info.unit),
    recipe: info.recipe,
    versions: info.versions,
    quarantined: info.quarantined ?? [],
  };
  return { look, counts };
}

/** Parts by volume id, if there is a single split that belongs to the data set. */
export function splitOf(dataset: Dataset): { text: string | null; parts: ReadonlyMap<string, Part> | null } {
  const file = splitPath(dataset);
  if (!existsSync(file)) return { text: null, parts: null };
  try {
    const [first, ...others] = readSplits(file);
    if (first!.datasetHash !== dataset.info.hash) return { text: "of another data set", parts: null };
    const by = `by ${first!.by.join(" and ")}, ${first!.origin}`;
    if (others.length > 0) return { text: `${others.length + 1} folds ${by}`, parts: null };
    return {
      text: `train, val, test ${by}`,
      parts: new Map(PARTS.flatMap((part) => first!.parts[part].map((id) => [id, part] as const))),
    };
  } catch (error) {
    if (!(error instanceof SplitError)) throw error;
    return { text: error.problem, parts: null };
  }
}

function classCounts({ info, volumes }: Dataset, parts: ReadonlyMap<string, Part> | null): ClassCount[] {
  return labelsOf(info).map((label) => {
    const name = info.classes[label]!;
    const classVolumes = volumes.filter((volume) => volume.label === label);
    const inPart = (part: Part) => classVolumes.filter(({ id }) => parts?.get(id) === part).length;
    return {
      label,
      name,
      subjects: new Set(classVolumes.map(({ subject }) => subject)).size,
      volumes: classVolumes.length,
      parts: parts === null ? null : { train: inPart("train"), val: inPart("val"), test: inPart("test") },
    };
  });
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).sort();
  const half = (sorted.length - 1) / 2;
  return [sorted[0]!, (sorted[Math.floor(half)]! + sorted[Math.ceil(half)]!) / 2, sorted.at(-1)!];
}

/** Fractions are read twice, because their bins depend on the extremes. */
async function countDataset(dataset: Dataset, options: WholeOptions): Promise<ValueCounts> {
  const { dtype } = dataset.info;
  const counts =
    dtype === "float32" ? await boundsOf(dataset, options) : ValueCounts.for16Bits(dtype === "int16");
  await eachVolume(dataset, "count", options, (voxels) => counts.add(voxels));
  return counts;
}

async function boundsOf(dataset: Dataset, options: WholeOptions): Promise<ValueCounts> {
  let [least, most] = [Infinity, -Infinity];
  await eachVolume(dataset, "bounds", options, (voxels) => {
    const [low, high] = rangeOf([voxels]);
    [least, most] = [Math.min(least, low), Math.max(most, high)];
  });
  return ValueCounts.between(least, most, false);
}

async function eachVolume(
  dataset: Dataset,
  stage: string,
  { onProgress, signal }: WholeOptions,
  use: (voxels: StoreArray) => void,
): Promise<void> {
  const { volumes } = dataset;
  for (const [k, { first, count }] of volumes.entries()) {
    // Ctrl-C is handled between volumes.
    await setImmediate();
    signal?.throwIfAborted();
    use(readStored(dataset, first, count));
    onProgress?.({ stage, done: k + 1, total: volumes.length, unit: "volumes" });
  }
}
