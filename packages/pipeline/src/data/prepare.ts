import { createHash, type Hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, join, relative, resolve, sep } from "node:path";
import { NpyWriter } from "@slicestack/volume/node";
import type { Progress } from "../progress.js";
import { StagedFolder, writeFileAtomic } from "./atomic.js";
import { PrepareError } from "./errors.js";
import { ingest } from "./ingest.js";
import type { LabelledFile, Labelling } from "./labels.js";
import { runPool } from "./pool.js";
import type { PreparedVolume, VolumeJob } from "./prepare-volume.js";
import {
  datasetHash,
  openDataset,
  type Dataset,
  type DatasetInfo,
  type StoreDtype,
  type VolumeRecord,
} from "./store.js";
import { formatSubjects } from "./subjects.js";

export interface PrepareOptions {
  /** Folder with .nii, .nii.gz, or .npy volumes of shape (H, W, slices). */
  source: string;
  /** Folder to make; refused where it holds something, unless `overwrite`. */
  destination: string;
  /** CSV with id or path, label, subject …; default: labels.csv in the source, else its class folders. */
  labels?: string;
  /** H, W; default 128, 128 for CT; ready-made .npy keep their own. */
  size?: [number, number];
  /** Slices a volume; default 64 for CT, "native" for .npy. */
  depth?: number | "native";
  /** Threads; default: the cores this process may use. The result does not depend on it. */
  workers?: number;
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
  overwrite?: boolean;
  /** Default: the destination's name. */
  name?: string;
}

/** What the volumes of one data set have in common. */
interface Frame {
  dtype: StoreDtype;
  height: number;
  width: number;
  unit: "HU" | "arbitrary";
}

/**
 * Makes a prepared data set: CT is turned to LPS, resampled with a low-pass and stored as int16 HU; ready-made arrays
 * stay as they are. Slices are stored in geometric order, from the feet up, or as they lie in the array.
 * A volume that cannot be read is left out and listed in dataset.json under `quarantined`.
 * @throws PrepareError, LabelsError, TableError   @throws the signal's reason; nothing is left behind
 */
export async function prepare(options: PrepareOptions): Promise<Dataset> {
  options.signal?.throwIfAborted();
  const plan = checkedPlan(options);
  const folder = new StagedFolder(options.destination, options.overwrite ?? false);
  try {
    const build = new Build(join(folder.path, "slices.npy"));
    try {
      await run(options, plan, build);
      await build.writer?.close();
    } finally {
      await build.writer?.abort();
    }
    writeIndex(folder.path, options, plan, build);
    openDataset(folder.path);
    options.signal?.throwIfAborted();
    folder.commit();
  } finally {
    folder.abort();
  }
  return openDataset(options.destination);
}

interface Plan extends Labelling {
  kind: "nifti" | "npy";
  size: [number, number] | null;
  depth: number | "native";
}

function checkedPlan(options: PrepareOptions): Plan {
  const size = (value: number) => Number.isSafeInteger(value) && value >= 1 && value <= 4096;
  if (options.size !== undefined && !options.size.every(size)) {
    throw new PrepareError(
      `size: expected two whole numbers 1..4096, came ${options.size.join(" x ")}`,
      "128,128 is usual.",
    );
  }
  if (options.depth !== undefined && options.depth !== "native" && !size(options.depth)) {
    throw new PrepareError(`depth: expected a whole number 1..4096 or native, came ${options.depth}`, "64 is usual.");
  }
  refuseNested(options);
  const { files, classes } = ingest(options.source, options.labels);
  const kind = files[0]?.kind ?? "npy";
  const other = files.find((file) => file.kind !== kind);
  if (other !== undefined) {
    throw new PrepareError(
      `${options.source}: expected one kind of volume, found NIfTI and .npy (${files[0]?.path ?? ""}, ${other.path})`,
      "CT in HU and ready-made arrays do not mix: prepare them apart.",
    );
  }
  const ct = kind === "nifti";
  return {
    files,
    classes,
    kind,
    size: options.size ?? (ct ? [128, 128] : null),
    depth: options.depth ?? (ct ? 64 : "native"),
  };
}

/** A destination inside the source would be found as input the next time; one around it would replace it. */
function refuseNested({ source, destination }: PrepareOptions): void {
  const from = resolve(source) + sep;
  const to = resolve(destination) + sep;
  if (!from.startsWith(to) && !to.startsWith(from)) return;
  throw new PrepareError(
    `destination: expected a folder beside ${source}, came ${destination}`,
    "Choose a folder outside the source.",
  );
}

/** What grows while volumes come in. */
class Build {
  writer: NpyWriter | null = null;
  frame: Frame | null = null;
  readonly voxels: Hash = createHash("sha256");
  readonly records: VolumeRecord[] = [];
  readonly quarantined: { source: string; reason: string }[] = [];
  constructor(private readonly path: string) {}

  async add(file: LabelledFile, volume: PreparedVolume): Promise<void> {
    const [count, height, width] = volume.shape;
    this.frame ??= { dtype: volume.dtype, height, width, unit: volume.unit };
    const { frame } = this;
    if (height !== frame.height || width !== frame.width || volume.dtype !== frame.dtype) {
      const first = `${frame.dtype} ${frame.height} x ${frame.width} as the first volume`;
      this.quarantine(file, `expected ${first}, it is ${volume.dtype} ${height} x ${width}; pass --size to resample`);
      return;
    }
    this.writer ??= await NpyWriter.open(this.path, frame.dtype, [height, width]);
    const slices = volume.slices_SHW;
    const first = await this.writer.append(slices);
    this.voxels.update(new Uint8Array(slices.buffer, slices.byteOffset, slices.byteLength));
    this.records.push(recordOf(file, volume, first, count));
  }

  quarantine(file: LabelledFile, reason: string): void {
    this.quarantined.push({ source: file.path, reason });
  }
}

function recordOf(file: LabelledFile, volume: PreparedVolume, first: number, count: number): VolumeRecord {
  const { unit, spacing, originalShape, originalSpacing, sha256, meanLungHu } = volume;
  const { id, subject, label, path: source, extra } = file;
  return {
    id,
    subject,
    label,
    first,
    count,
    unit,
    spacing,
    originalShape,
    originalSpacing,
    source,
    sha256,
    meanLungHu,
    extra,
  };
}

async function run(options: PrepareOptions, plan: Plan, build: Build): Promise<void> {
  const { files, kind, size, depth } = plan;
  await runPool<VolumeJob, PreparedVolume>({
    script: new URL("./prepare-worker.js", import.meta.url),
    jobs: files.map((file) => ({ path: join(options.source, file.path), kind, size, depth })),
    ...(options.workers === undefined ? {} : { workers: options.workers }),
    signal: options.signal,
    deliver: async (answer, index) => {
      const file = files[index] as LabelledFile;
      if (answer.ok) await build.add(file, answer.result);
      // The reason names the file by the path it was read from, which differs from machine to machine.
      else build.quarantine(file, answer.reason.replaceAll(join(options.source, file.path), file.path));
      options.onProgress?.({
        stage: "prepare",
        done: index + 1,
        total: files.length,
        unit: "volumes",
        message: answer.ok ? file.path : `${file.path} is left out: ${answer.reason}`,
      });
    },
  });
  if (build.records.length > 0) return;
  const first = build.quarantined[0];
  throw new PrepareError(
    `${options.source}: none of ${files.length} volumes could be prepared; the first, ${first?.source ?? ""}: ${first?.reason ?? ""}`,
    "Look at one of them with slicestack inspect.",
  );
}

const RANGES: Record<StoreDtype, [number, number]> = {
  int16: [-32768, 32767],
  uint8: [0, 255],
  uint16: [0, 65535],
  float32: [0, 1],
};

function writeIndex(folder: string, options: PrepareOptions, plan: Plan, build: Build): void {
  const { frame, records } = build;
  if (frame === null) return;
  const slices = records.reduce((n, record) => n + record.count, 0);
  const csv = formatSubjects(records);
  const shape = [slices, frame.height, frame.width];
  const info: DatasetInfo = {
    name: options.name ?? basename(resolve(options.destination)),
    version: 1,
    height: frame.height,
    width: frame.width,
    dtype: frame.dtype,
    unit: frame.unit,
    range: frame.unit === "HU" ? [-1000, 400] : RANGES[frame.dtype],
    depth: plan.depth,
    classes: plan.classes,
    count: records.length,
    created: new Date().toISOString(),
    hash: datasetHash(build.voxels.digest("hex"), shape, frame.dtype, csv),
    recipe: recipeOf(options, plan),
    versions: { slicestack: ownVersion(), node: process.versions.node },
    quarantined: build.quarantined,
  };
  writeFileAtomic(join(folder, "subjects.csv"), csv);
  writeFileAtomic(join(folder, "dataset.json"), JSON.stringify(info, null, 2) + "\n");
}

function recipeOf(options: PrepareOptions, plan: Plan): Record<string, unknown> {
  return {
    source: relative(process.cwd(), resolve(options.source)) || ".",
    kind: plan.kind,
    orientation: plan.kind === "nifti" ? "LPS" : "as stored",
    size: plan.size ?? "native",
    depth: plan.depth,
    resampling: plan.kind === "nifti" || plan.size !== null || plan.depth !== "native" ? "linear, antialiased" : "none",
  };
}

function ownVersion(): string {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
