/** What `auto` is given: scans with their labels, and a look at a few of them before anything is written. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { openNpzFile } from "@slicestack/volume/node";
import { fileHash } from "../data/hash.js";
import type { VolumeInput } from "../data/ingest/source.js";
import { runPool } from "../data/pool.js";
import { makePlan, type Plan } from "../data/prepare/plan.js";
import type { RecipeOptions } from "../data/prepare/recipe.js";
import type { PreparedVolume, Timed, VolumeJob } from "../data/prepare/volume.js";
import { presentLabels, type Dataset } from "../data/store.js";
import type { TaskOptions } from "../engine/task-options.js";
import { AutoError } from "./errors.js";

export interface GivenScans extends Pick<RecipeOptions, "size" | "depth"> {
  /** Folder, zip or archive of scans. */
  source: string;
  /** CSV with ids, labels and subjects; default: labels.csv in the source, else its class folders. */
  labels?: string;
}

export interface FoundScans {
  plan: Plan;
  /** SHA-256 of the labels file; null where folders are the labels. */
  labelsSha256: string | null;
  /** The labels file as given. */
  labelsFile: string;
  /** Scans of each class, in the order of the classes. */
  classes: { name: string; scans: number; subjects: number }[];
  subjects: number;
}

/** Lists scans and labels; reads headers, no voxels, and writes nothing. @throws PrepareError, LabelsError, TableError */
export async function findGiven(given: GivenScans, options: TaskOptions): Promise<FoundScans> {
  const { source, labels } = given;
  // With their own ids no secret of this user is needed, which would be created; the index is written by prepare.
  const plan = await makePlan({ ...given, keepIds: true, ...callbacksOf(options) });
  const labelsFile = labels ?? join(source, "labels.csv");
  const classes = plan.classes.map((name, label) => {
    const scans = plan.volumes.filter((volume) => volume.label === label);
    return { name, scans: scans.length, subjects: subjectsOf(scans) };
  });
  return {
    plan,
    labelsSha256: existsSync(labelsFile) ? await fileHash(labelsFile) : null,
    labelsFile,
    classes: classes.filter(({ scans }) => scans > 0),
    subjects: subjectsOf(plan.volumes),
  };
}

/** The callbacks of tasks without a session. */
export const callbacksOf = ({
  onProgress,
  signal,
}: TaskOptions): Pick<TaskOptions, "onProgress" | "signal"> => ({
  ...(onProgress === undefined ? {} : { onProgress }),
  ...(signal === undefined ? {} : { signal }),
});

export const subjectsOf = (volumes: readonly { subject: string }[]): number =>
  new Set(volumes.map(({ subject }) => subject)).size;

/** How many scans are prepared, in memory, for an estimate. */
const SAMPLE = 3;

export interface Expected {
  /** The data set as it will be, as far as a few scans tell. It has no voxels. */
  dataset: Dataset;
  /** Seconds that preparing takes for a scan in one thread. */
  secondsPerScan: number;
}

/** Prepares a few scans in memory, spread over the list. Nothing is written. @throws AutoError if none of them can be read */
export async function expectedDataset(
  name: string,
  { plan }: FoundScans,
  options: TaskOptions,
): Promise<Expected> {
  const { volumes, recipe, classes } = plan;
  const places = Array.from({ length: SAMPLE }, (_, k) => Math.floor(((k + 0.5) * volumes.length) / SAMPLE));
  const chosen = [...new Set(places)].map((place) => volumes[place]!);
  const samples: Sample[] = [];
  const reasons: string[] = [];
  const [first] = chosen;
  if (first?.input.kind === "npz-item") samples.push(await ofArchive(first.input));
  else
    await runPool<VolumeJob, Timed<PreparedVolume>>({
      script: new URL("../data/prepare/worker.js", import.meta.url),
      jobs: chosen.map(({ input, mask }) => ({ input, recipe, mask })),
      workers: 1,
      signal: options.signal,
      deliver: (answer, k) => {
        if (answer.ok) samples.push(answer.result);
        else reasons.push(`${chosen[k]!.path}: ${answer.reason}`);
      },
    });
  const [sample] = samples;
  if (sample === undefined)
    throw new AutoError(
      first?.path ?? "",
      reasons[0] ?? "cannot be read",
      "Look at it with slicestack inspect.",
    );
  const { shape, unit, dtype, geometry } = sample;
  const records = volumes.map((volume, k) => ({
    ...volume,
    ...{ first: 0, count: samples[k % samples.length]!.shape[0], unit, geometry, crop: null },
    ...{ original: { ...geometry, shape }, sha256: "", voxelSha256: "", meanLungHu: null },
  }));
  const dataset: Dataset = {
    directory: "",
    info: {
      name,
      version: 2,
      height: shape[1],
      width: shape[2],
      dtype,
      unit,
      range: [0, 1],
      depth: recipe.depth,
      classes,
      ...presentLabels(records, classes),
      count: records.length,
      hash: "",
      recipe: {},
      versions: {},
      quarantined: [],
    },
    volumes: records,
    slicesPath: "",
    slicesOffset: 0,
  };
  const seconds = samples.map((one) => one.seconds);
  return { dataset, secondsPerScan: seconds.reduce((sum, one) => sum + one, 0) / seconds.length };
}

type Sample = Pick<Timed<PreparedVolume>, "shape" | "unit" | "dtype" | "geometry" | "seconds">;

/** An archive is unpacked as a whole before its items are read, so that its first item is read here. */
async function ofArchive({ path, array }: Extract<VolumeInput, { kind: "npz-item" }>): Promise<Sample> {
  const start = performance.now();
  await using opened = await openNpzFile(path);
  const stack = opened.npz.array(array);
  const [total = 1, slices = 1, height = 1, width = 1] = stack.shape;
  const geometry: Sample["geometry"] = {
    spacing: [1, 1, 1],
    origin: [0, 0, 0],
    direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  };
  const shape: Sample["shape"] = [slices, height, width];
  const seconds = (performance.now() - start) / 1000 / total + (slices * height * width) / VOXELS_PER_SECOND;
  return { shape, unit: "arbitrary", dtype: "uint8", geometry, seconds };
}

/** At which arrays that need no resampling are unpacked, hashed and stored. */
const VOXELS_PER_SECOND = 2e7;
