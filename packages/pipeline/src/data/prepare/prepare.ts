/** From scans on disk to a prepared data set. */
import { readFileSync, rmSync, existsSync, readdirSync, renameSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join, resolve, sep } from "node:path";
import { syncFolder, temporaryName, writeFileAtomic } from "../atomic.js";
import { PrepareError } from "../errors.js";
import { FLAGS_REMEDY, flagWarnings } from "../hu.js";
import type { FurtherColumns } from "../ingest/columns.js";
import type { SetAside, VolumeInput } from "../ingest/source.js";
import { FolderLock } from "../lock.js";
import { checkedName } from "../names.js";
import { claimFolder, FOLDER_MARK, markFolder, refuseOccupied } from "../owned-folder.js";
import { runPool } from "../pool.js";
import type { Reason } from "../reason.js";
import { shortageError } from "../../engine/system-errors.js";
import { writeOfficialSplit } from "../split/official.js";
import {
  datasetHash,
  infoText,
  openDataset,
  presentLabels,
  type Dataset,
  type DatasetInfo,
  type StoreDtype,
} from "../store.js";
import type { VolumeRecord } from "../volume-record.js";
import { formatSubjects, GEOMETRY_COLUMN } from "../subjects.js";
import { dataFolder, Journal, type Frame } from "./journal.js";
import { makePlan, refuseNested, type Plan, type PlannedVolume, type PlanOptions, type Quarantined } from "./plan.js";
import { shardOf, writeShard, type Shard } from "./shard.js";
import { unpackArchives } from "./unpack.js";
import type { PreparedVolume, VolumeJob } from "./volume.js";

export interface PrepareOptions extends PlanOptions {
  /** Folder to make; refused where it holds something, unless `overwrite`. */
  destination: string;
  /** Threads; default: the cores this process may use. The result does not depend on it. */
  workers?: number;
  /** Replace the destination, and what a stopped preparation of other settings left. */
  overwrite?: boolean;
  /** Default: the destination's name. */
  name?: string;
  /** Who made the data, and under what licence; kept in dataset.json, no part of its hash. */
  attribution?: string;
  /** Part `index` (from 1) of `count`: the destination becomes a piece for `mergeShards`. */
  shard?: Shard;
}

export interface PrepareResult extends Dataset {
  /** What was found and is no volume of the set, with the reason. */
  left: SetAside[];
  /** Further columns of the labels file: which are in subjects.csv, and which are not and why. */
  columns: FurtherColumns;
  /** Volumes that cannot be read, with their files; dataset.json has them without what may name a patient. */
  quarantined: Quarantined[];
  /** Volumes that an earlier call, stopped or killed, had finished. */
  resumed: number;
  /** What to look at before the set is used: values that can hardly be HU. */
  warnings: string[];
}

/**
 * Makes a prepared data set: CT is turned to LPS, cropped where asked, resampled with a low-pass and stored as int16 HU;
 * ready-made arrays stay as they are. Slices lie in geometric order, from the feet up, or as they lie in the array.
 * A volume that cannot be read is left out and listed in dataset.json under `quarantined`.
 * Stopped or killed at any moment, the same call goes on where it was, and ends with the same bytes.
 * @throws PrepareError, FolderError, LabelsError, TableError, LockedError   @throws the signal's reason; what is done is kept
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
  const quarantined = earlier(journal, plan);
  try {
    quarantined.push(...(await fill(options, plan, journal, work)));
    signal?.throwIfAborted();
    journal.finish();
  } finally {
    journal.sync();
    journal.close();
    // Where nothing could be prepared there is nothing to go on with.
    if (journal.count === 0) rmSync(work, { recursive: true, force: true });
  }
  writeIndex(dataFolder(work), options, plan, journal);
  if (options.shard === undefined) writeOfficialSplit(dataFolder(work));
  put(dataFolder(work), destination, overwrite);
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
  const has = (of: readonly { label: number }[], label: number) => of.some((volume) => volume.label === label);
  const lost = info.classes.filter((_, label) => has(plan.volumes, label) && !has(volumes, label));
  return [
    ...plan.warnings,
    ...(lost.length === 0 ? [] : [`no volume of class ${lost.join(", ")} could be prepared: it takes no part`]),
    ...(odd[0] === undefined
      ? []
      : [
          `${odd.length} volumes have a file that contradicts itself on its geometry, or says nothing of its spacing, such as ${odd[0].id}: ${odd[0].extra[GEOMETRY_COLUMN]}; subjects.csv says what was taken of each`,
        ]),
    ...(doubts.length === 0 ? [] : [...doubts, FLAGS_REMEDY]),
  ];
}

/** Where a preparation works until it is whole: the same folder each time, so that a second call finds it. */
export const workFolder = (destination: string): string =>
  join(dirname(destination), `.${basename(destination)}.prepare`);

/** Pieces have the key of the whole, by which merge knows them; but one piece must not go on with another's volumes. */
const ofPiece = (plan: Plan, shard: Shard | undefined): Plan =>
  shard === undefined ? plan : { ...plan, key: `${plan.key} ${shard.index}/${shard.count}` };

function openJournal(work: string, { key, volumes }: Plan, overwrite: boolean): Journal {
  const journal = Journal.open(work, key);
  if (journal !== null) return journal;
  if (!overwrite) {
    throw new PrepareError(
      `${work}: a preparation of other settings or files was stopped there, with ${Journal.progress(work)} volumes done (${volumes.length} are planned now)`,
      "Go on with the settings of then, or pass --overwrite to begin anew.",
    );
  }
  for (const name of readdirSync(work))
    if (name !== ".lock" && name !== FOLDER_MARK) rmSync(join(work, name), { recursive: true, force: true });
  return Journal.open(work, key)!;
}

/** What an earlier call left out: its files are known from the plan, and of the reason what was kept. */
const earlier = (journal: Journal, { volumes }: Plan): Quarantined[] =>
  journal.entries.flatMap((entry, k) =>
    "record" in entry
      ? []
      : [{ path: volumes[k]!.path, source: entry.source, reason: entry.reason, kept: entry.reason }],
  );

/** @returns what was left out */
async function fill(options: PrepareOptions, plan: Plan, journal: Journal, work: string): Promise<Quarantined[]> {
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
    script: new URL("./worker.js", import.meta.url),
    jobs: todo.map(({ mask }, k) => ({ input: inputs[k]!, recipe: plan.recipe, mask })),
    workers: workers ?? availableParallelism(),
    signal,
    deliver: (answer, k) => {
      const volume = todo[k]!;
      // Too few open files or a full disk says nothing about the volume: it is not left out, but everything stops.
      if (!answer.ok && answer.shortage !== undefined) throw shortageError(answer.shortage);
      const problem = answer.ok ? add(journal, volume, answer.result) : answer.reason;
      if (problem !== null) {
        const nameless = answer.ok ? problem : (answer.nameless ?? problem);
        const left = leftOut(volume, { whole: problem, nameless }, inputs[k]!, plan);
        journal.quarantine(left.source, left.kept);
        quarantined.push(left);
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
  const first = quarantined[0] ?? earlier(journal, plan)[0];
  throw new PrepareError(
    `${options.source}: none of ${plan.volumes.length} volumes could be prepared; the first, ${first?.path ?? ""}: ${first?.reason ?? ""}`,
    "Look at one of them with slicestack inspect.",
  );
}

/** @returns null, or why the volume does not fit the others */
function add(journal: Journal, volume: PlannedVolume, made: PreparedVolume): string | null {
  const [count, height, width] = made.shape;
  const frame: Frame = { dtype: made.dtype, height, width, unit: made.unit };
  const first = journal.frame ?? frame;
  const isOtherSize = height !== first.height || width !== first.width;
  if (isOtherSize || made.dtype !== first.dtype) {
    const wanted = `${first.dtype} ${first.height} x ${first.width} as the first volume`;
    const remedies = [
      ...(isOtherSize ? ["--size to resample"] : []),
      ...(made.dtype !== first.dtype ? ["--dtype float32, which holds both types"] : []),
    ];
    return `expected ${wanted}, it is ${made.dtype} ${height} x ${width}; pass ${remedies.join(" and ")}`;
  }
  journal.store(recordOf(volume, made, journal.count, count), frame, made.slices_SHW);
  return null;
}

function recordOf(volume: PlannedVolume, made: PreparedVolume, first: number, count: number): VolumeRecord {
  const { id, subject, label, part, source, extra } = volume;
  const { unit, geometry, original, crop, sha256, voxelSha256, meanLungHu, facts } = made;
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

/** Messages of a reader hold whole paths, which differ from machine to machine: here they begin below the source. */
function leftOut(volume: PlannedVolume, { whole, nameless }: Reason, input: VolumeInput, plan: Plan): Quarantined {
  const { path, source } = volume;
  // An archive is read from the copy that was unpacked beside the work.
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
    versions: { slicestack: ownVersion(), node: process.versions.node },
    attribution: options.attribution,
    quarantined,
  };
  writeFileAtomic(join(folder, "dataset.json"), infoText(info));
}

const nameOf = ({ name, destination }: PrepareOptions): string => checkedName(name ?? basename(resolve(destination)));

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

function put(made: string, destination: string, overwrite: boolean): void {
  refuseOccupied(destination, "dataset", overwrite); // somebody may have been quicker
  markFolder(made, "dataset");
  syncFolder(made);
  const old = existsSync(destination) ? temporaryName(destination) : null;
  if (old !== null) renameSync(destination, old);
  renameSync(made, destination);
  syncFolder(dirname(destination));
  if (old !== null) rmSync(old, { recursive: true, force: true });
}

function ownVersion(): string {
  const text = readFileSync(new URL("../../../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
