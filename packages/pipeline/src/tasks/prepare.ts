/** From scans on disk to a prepared data set. */
import { rmSync, existsSync, readdirSync, renameSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join, resolve, sep } from "node:path";
import { syncFolder, temporaryName, writeFileAtomic } from "../data/atomic.js";
import { PrepareError } from "../data/errors.js";
import { FLAGS_REMEDY, flagWarnings } from "../data/hu.js";
import type { FurtherColumns } from "../data/ingest/columns.js";
import type { SetAside, VolumeInput } from "../data/ingest/source.js";
import { FolderLock } from "../data/lock.js";
import { checkedName } from "../data/dataset-name.js";
import { claimFolder, FOLDER_MARK, markFolder, refuseOccupied } from "../data/owned-folder.js";
import { runPool } from "../data/pool.js";
import type { Reason } from "../data/reason.js";
import { softwareVersions } from "../run/software-versions.js";
import { shortageError } from "../engine/system-errors.js";
import { writeOfficialSplit } from "../data/split/official.js";
import {
  datasetHash,
  infoText,
  openDataset,
  presentLabels,
  type Dataset,
  type DatasetInfo,
  type StoreDtype,
} from "../data/store.js";
import type { VolumeRecord } from "../data/volume-record.js";
import { formatSubjects, GEOMETRY_COLUMN } from "../data/subjects.js";
import { dataFolder, Journal, type Frame } from "../data/prepare/journal.js";
import {
  makePlan,
  refuseNested,
  type Plan,
  type PlannedVolume,
  type PlanOptions,
  type Quarantined,
} from "../data/prepare/plan.js";
import { shardOf, writeShard, type Shard } from "../data/prepare/shard.js";
import { unpackArchives } from "../data/prepare/unpack.js";
import type { PreparedVolume, VolumeJob } from "../data/prepare/volume.js";

export interface PrepareOptions extends PlanOptions {
  /** Folder to create; refused if it is not empty, unless `overwrite` is set. */
  destination: string;
  /** Threads; default: the cores this process may use. The result does not depend on it. */
  workers?: number;
  /** Replace the destination, and an unfinished preparation with other settings. */
  overwrite?: boolean;
  /** Default: the destination's name. */
  name?: string;
  /** Author and licence of the data; stored in dataset.json, not part of its hash. */
  attribution?: string;
  /** Part `index` (from 1) of `count`: the destination becomes a piece for `mergeShards`. */
  shard?: Shard;
}

export interface PrepareResult extends Dataset {
  /** Files that are not volumes of the data set, with the reason. */
  left: SetAside[];
  /** Further columns of the labels file: which are in subjects.csv, and which are not and why. */
  columns: FurtherColumns;
  /** Volumes that cannot be read, with their files; dataset.json lists them without what may identify a patient. */
  quarantined: Quarantined[];
  /** Volumes that an earlier, interrupted call had finished. */
  resumed: number;
  /** What to check before the data set is used, such as values that can hardly be HU. */
  warnings: string[];
}

/**
 * Makes a prepared data set. CT is reoriented to LPS, cropped if requested, resampled with a low-pass filter and stored as
 * int16 HU; ready-made arrays are stored unchanged. Slices are in geometric order, from the feet upwards, or in the order
 * of the array. A volume that cannot be read is left out and listed in dataset.json under `quarantined`.
 * After an interruption at any moment, the same call resumes the preparation and ends with the same bytes.
 * @throws PrepareError, FolderError, LabelsError, TableError, LockedError
 * @throws the signal's reason; finished volumes are kept
 */
export async function prepare(options: PrepareOptions): Promise<PrepareResult> {
  const { signal, overwrite = false } = options;
  signal?.throwIfAborted();
  const destination = resolve(options.destination);
  nameOf(options);
  refuseNested(options.source, destination);
  refuseOccupied(destination, "dataset", overwrite);
  const plan = shardOf(await makePlan(options), options.shard);
  const work = workFolder(destination);
  claimFolder(work, "work", Journal.isIn(work));
  using _lock = FolderLock.take(work);
  const journal = openJournal(work, ofPiece(plan, options.shard), overwrite);
  const resumed = journal.entries.length;
  const quarantined = leftOutEarlier(journal, plan);
  try {
    quarantined.push(...(await prepareVolumes(options, plan, journal, work)));
    signal?.throwIfAborted();
    journal.finish();
  } finally {
    journal.sync();
    journal.close();
    // If nothing could be prepared, there is nothing to resume.
    if (journal.count === 0) rmSync(work, { recursive: true, force: true });
  }
  writeIndex(dataFolder(work), options, plan, journal);
  if (options.shard === undefined) writeOfficialSplit(dataFolder(work));
  moveToDestination(dataFolder(work), destination, overwrite);
  rmSync(work, { recursive: true, force: true });
  const dataset = openDataset(destination);
  return {
    ...dataset,
    left: plan.left,
    columns: plan.columns,
    quarantined: [...quarantined, ...plan.broken],
    resumed,
    warnings: warningsOf(dataset, plan),
  };
}

function warningsOf({ volumes, info }: Dataset, plan: Plan): string[] {
  const doubts = flagWarnings(volumes, info.classes);
  const odd = volumes.filter(({ extra }) => (extra[GEOMETRY_COLUMN] ?? "") !== "");
  const has = (of: readonly { label: number }[], label: number) =>
    of.some((volume) => volume.label === label);
  const lost = info.classes.filter((_, label) => has(plan.volumes, label) && !has(volumes, label));
  return [
    ...plan.warnings,
    ...(lost.length === 0
      ? []
      : [`no volume of class ${lost.join(", ")} could be prepared: the class is not used`]),
    ...(odd[0] === undefined
      ? []
      : [
          `${odd.length} volumes have a file with contradictory geometry or without a spacing, such as ${odd[0].id}: ${odd[0].extra[GEOMETRY_COLUMN]}; subjects.csv records what was used for each`,
        ]),
    ...(doubts.length === 0 ? [] : [...doubts, FLAGS_REMEDY]),
  ];
}

/** The folder of an unfinished preparation. It is the same each time, so that a second call finds it. */
export const workFolder = (destination: string): string =>
  join(dirname(destination), `.${basename(destination)}.prepare`);

/** Pieces share the key of the whole, by which merge recognises them; but a piece must not resume another piece. */
const ofPiece = (plan: Plan, shard: Shard | undefined): Plan =>
  shard === undefined ? plan : { ...plan, key: `${plan.key} ${shard.index}/${shard.count}` };

function openJournal(work: string, { key, volumes }: Plan, overwrite: boolean): Journal {
  const journal = Journal.open(work, key);
  if (journal !== null) return journal;
  if (!overwrite) {
    throw new PrepareError(
      `${work}: contains an unfinished preparation with other settings or files, with ${Journal.progress(work)} volumes done (${volumes.length} are planned now)`,
      "Use the earlier settings to resume it, or pass --overwrite to start again.",
    );
  }
  for (const name of readdirSync(work))
    if (name !== ".lock" && name !== FOLDER_MARK) rmSync(join(work, name), { recursive: true, force: true });
  return Journal.open(work, key)!;
}

/** The volumes that an earlier call left out; only the stored wording of the reason is known. */
const leftOutEarlier = (journal: Journal, { volumes }: Plan): Quarantined[] =>
  journal.entries.flatMap((entry, k) =>
    "record" in entry
      ? []
      : [{ path: volumes[k]!.path, source: entry.source, reason: entry.reason, kept: entry.reason }],
  );

/** @returns what was left out */
async function prepareVolumes(
  options: PrepareOptions,
  plan: Plan,
  journal: Journal,
  work: string,
): Promise<Quarantined[]> {
  const { onProgress, signal, workers } = options;
  const quarantined: Quarantined[] = [];
  const done = journal.entries.length;
  const todo = plan.volumes.slice(done);
  const inputs = await unpackArchives(
    todo.map(({ input }) => input),
    join(work, "unpacked"),
    { onProgress, signal },
  );
  await runPool<VolumeJob, PreparedVolume>({
    script: new URL("../data/prepare/worker.js", import.meta.url),
    jobs: todo.map(({ mask }, k) => ({ input: inputs[k]!, recipe: plan.recipe, mask })),
    workers: workers ?? availableParallelism(),
    signal,
    deliver: (answer, k) => {
      const volume = todo[k]!;
      // A full disk or too few open files is not a fault of the volume: the preparation stops instead of leaving it out.
      if (!answer.ok && answer.shortage !== undefined) throw shortageError(answer.shortage);
      const problem = answer.ok ? add(journal, volume, answer.result) : answer.reason;
      if (problem !== null) {
        const nameless = answer.ok ? problem : (answer.nameless ?? problem);
        const leftOutVolume = leftOut(volume, { whole: problem, nameless }, inputs[k]!, plan);
        journal.quarantine(leftOutVolume.source, leftOutVolume.kept);
        quarantined.push(leftOutVolume);
      }
      onProgress?.({
        stage: "prepare",
        done: done + k + 1,
        total: plan.volumes.length,
        unit: "volumes",
        message: problem === null ? volume.path : `${volume.path} is left out: ${quarantined.at(-1)!.reason}`,
      });
    },
  });
  if (journal.count > 0 || options.shard !== undefined) return quarantined;
  const first = quarantined[0] ?? leftOutEarlier(journal, plan)[0];
  throw new PrepareError(
    `${options.source}: none of ${plan.volumes.length} volumes could be prepared; the first, ${first?.path ?? ""}: ${first?.reason ?? ""}`,
    "Look at one of them with slicestack inspect.",
  );
}

/** @returns null, or why the volume does not fit the others */
function add(journal: Journal, volume: PlannedVolume, prepared: PreparedVolume): string | null {
  const [count, height, width] = prepared.shape;
  const frame: Frame = { dtype: prepared.dtype, height, width, unit: prepared.unit };
  const first = journal.frame ?? frame;
  const isOtherSize = height !== first.height || width !== first.width;
  if (isOtherSize || prepared.dtype !== first.dtype) {
    const wanted = `${first.dtype} ${first.height} x ${first.width} as in the first volume`;
    const remedies = [
      ...(isOtherSize ? ["--size to resample"] : []),
      ...(prepared.dtype !== first.dtype ? ["--dtype float32, which holds both types"] : []),
    ];
    return `expected ${wanted}, received ${prepared.dtype} ${height} x ${width}; pass ${remedies.join(" and ")}`;
  }
  journal.store(recordOf(volume, prepared, journal.count, count), frame, prepared.slices_SHW);
  return null;
}

function recordOf(
  volume: PlannedVolume,
  prepared: PreparedVolume,
  first: number,
  count: number,
): VolumeRecord {
  const { id, subject, label, part, source, extra } = volume;
  const { unit, geometry, original, crop, sha256, voxelSha256, meanLungHu, facts } = prepared;
  return {
    id,
    subject,
    label,
    part,
    first,
    count,
    unit,
    geometry,
    original,
    crop,
    source,
    sha256,
    voxelSha256,
    meanLungHu,
    extra: { ...extra, ...facts },
  };
}

/** Readers' messages contain absolute paths, which differ between machines: here paths begin below the source. */
function leftOut(
  volume: PlannedVolume,
  { whole, nameless }: Reason,
  input: VolumeInput,
  plan: Plan,
): Quarantined {
  const { path, source } = volume;
  // Items of an archive are read from a copy that was unpacked into the work folder.
  const unpacked = "path" in input && input.kind === "npy-item" ? whole.replaceAll(input.path, path) : whole;
  const reason = plan.roots.reduce((text, root) => text.replaceAll(`${root}${sep}`, ""), unpacked);
  const kept = plan.keepsNames || input.kind !== "dicom" ? reason : nameless;
  return { path, source, reason, kept };
}

const RANGES: Record<StoreDtype, [number, number]> = {
  int16: [-32768, 32767],
  uint8: [0, 255],
  uint16: [0, 65535],
  float32: [0, 1],
};

function writeIndex(folder: string, options: PrepareOptions, plan: Plan, journal: Journal): void {
  const { frame, records } = journal;
  const broken = plan.broken.map(({ source, kept }) => ({ source, reason: kept }));
  const quarantined = [...journal.quarantined, ...broken];
  if (options.shard !== undefined) writeShard(folder, options.shard, plan.key, quarantined);
  if (frame === null) return;
  const csv = formatSubjects(records);
  writeFileAtomic(join(folder, "subjects.csv"), csv);
  const info: DatasetInfo = {
    name: nameOf(options),
    version: 2,
    height: frame.height,
    width: frame.width,
    dtype: frame.dtype,
    unit: frame.unit,
    range: frame.unit === "HU" ? [-1000, 400] : RANGES[frame.dtype],
    depth: plan.recipe.depth,
    classes: plan.classes,
    ...presentLabels(records, plan.classes),
    count: records.length,
    hash: datasetHash([journal.count, frame.height, frame.width], frame.dtype, csv),
    recipe: recipeRecord(options, plan),
    versions: { slicestack: softwareVersions()["slicestack"]!, node: process.versions.node },
    attribution: options.attribution,
    quarantined,
  };
  writeFileAtomic(join(folder, "dataset.json"), infoText(info));
}

const nameOf = ({ name, destination }: PrepareOptions): string =>
  checkedName(name ?? basename(resolve(destination)));

function recipeRecord({ source }: PrepareOptions, { recipe, ct, keepsNames }: Plan): Record<string, unknown> {
  const { size, depth, crop, margin, allowGaps, mask } = recipe;
  return {
    // The folder or zip of an export is often named after the patient.
    source: keepsNames ? basename(resolve(source)) : "DICOM",
    orientation: ct ? "LPS" : "as stored",
    size: size ?? "native",
    depth,
    resampling: ct || size !== null || depth !== "native" ? "linear, antialiased" : "none",
    crop: mask === null ? crop : "mask",
    ...(crop === "none" && mask === null ? {} : { margin_mm: margin }),
    gaps: allowGaps ? "interpolated" : "refused",
  };
}

function moveToDestination(folder: string, destination: string, overwrite: boolean): void {
  refuseOccupied(destination, "dataset", overwrite); // somebody may have been quicker
  markFolder(folder, "dataset");
  syncFolder(folder);
  const old = existsSync(destination) ? temporaryName(destination) : null;
  if (old !== null) renameSync(destination, old);
  renameSync(folder, destination);
  syncFolder(dirname(destination));
  if (old !== null) rmSync(old, { recursive: true, force: true });
}
