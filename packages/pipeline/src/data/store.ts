import { createHash } from "node:crypto";
import { closeSync, createReadStream, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseNpyHeader, type NpyHeader } from "@slicestack/volume";
import { z } from "zod";
import { notice } from "../engine/notices.js";
import { codeOf } from "./error-code.js";
import { DatasetError } from "./errors.js";
import { openSealed, sealedJson, type Opened } from "./sealed-json.js";
import { readSubjects } from "./subjects.js";
import type { VolumeRecord } from "./volume-record.js";

export type StoreDtype = "int16" | "uint8" | "uint16" | "float32";

/** Bytes of one voxel. */
export const storeBytes: Readonly<Record<StoreDtype, number>> = { int16: 2, uint8: 1, uint16: 2, float32: 4 };

export interface DatasetInfo {
  name: string;
  version: 2;
  height: number;
  width: number;
  dtype: StoreDtype;
  unit: "HU" | "arbitrary";
  /** -1000..400 HU, else the range of the source's dtype; see defaultWindow. */
  range: [number, number];
  depth: number | "native";
  /** Names by label. */
  classes: string[];
  /** Labels that volumes have, where `classes` names more: the others take no part in any task. Absent: all. */
  labels?: number[] | undefined;
  /** Volumes. */
  count: number;
  /** Identifies the data set: see datasetHash. */
  hash: string;
  recipe: Record<string, unknown>;
  versions: Record<string, string>;
  /** Who made the data, and under what licence; reports say it. */
  attribution?: string | undefined;
  /** Source files that could not be read. */
  quarantined?: { source: string; reason: string }[];
}

export interface Dataset {
  directory: string;
  info: DatasetInfo;
  volumes: VolumeRecord[];
  slicesPath: string;
  /** Byte offset of the first voxel in slices.npy. */
  slicesOffset: number;
}

/** Labels that take part in tasks: those with a volume; all, in a data set of before this was kept. */
export const labelsOf = ({ classes, labels }: Pick<DatasetInfo, "classes" | "labels">): number[] =>
  labels ?? classes.map((_, label) => label);

/** What `labels` of dataset.json is for these volumes. */
export function presentLabels(
  volumes: readonly Pick<VolumeRecord, "label">[],
  classes: readonly string[],
): Pick<DatasetInfo, "labels"> {
  const labels = [...new Set(volumes.map(({ label }) => label))].sort((a, b) => a - b);
  return labels.length < classes.length ? { labels } : {};
}

const positive = z.int().positive();
const infoSchema = z.strictObject({
  name: z.string(),
  version: z.literal(2),
  height: positive,
  width: positive,
  dtype: z.enum(["int16", "uint8", "uint16", "float32"]),
  unit: z.enum(["HU", "arbitrary"]),
  range: z.tuple([z.number(), z.number()]),
  depth: z.union([positive, z.literal("native")]),
  classes: z.array(z.string()).min(1),
  labels: z.array(z.int().nonnegative()).min(1).optional(),
  count: positive,
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  recipe: z.record(z.string(), z.unknown()),
  versions: z.record(z.string(), z.string()),
  attribution: z.string().optional(),
  quarantined: z.array(z.object({ source: z.string(), reason: z.string() })).default([]),
});

const PUT_BACK = "Put the old file back, or prepare the data set again with slicestack prepare --overwrite.";
const PREPARE_AGAIN = "Prepare the data set again with slicestack prepare --overwrite.";

/**
 * Opens a prepared data set and checks that its three files fit together and are those that were written, by their hashes;
 * voxels are not read.
 * @throws DatasetError naming the file and what to do
 */
export function openDataset(directory: string): Dataset {
  const root = resolve(directory);
  const info = readInfo(join(root, "dataset.json"));
  const slicesPath = join(root, "slices.npy");
  const header = readSlicesHeader(slicesPath, info);
  const subjectsPath = join(root, "subjects.csv");
  const volumes = readSubjects(subjectsPath);
  checkIndex(subjectsPath, volumes, info, header.shape[0] ?? 0);
  checkHash(subjectsPath, info, header.shape[0] ?? 0);
  return { directory: root, info, volumes, slicesPath, slicesOffset: header.offset };
}

function readInfo(file: string): DatasetInfo {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const remedy = "Give the folder that slicestack prepare made.";
    throw new DatasetError(file, `cannot be read (${codeOf(cause)})`, remedy, { cause });
  }
  let opened: Opened;
  try {
    opened = openSealed(text);
  } catch (cause) {
    throw new DatasetError(file, `cannot be taken for a data set: ${codeOf(cause)}`, PUT_BACK, { cause });
  }
  const parsed = infoSchema.safeParse(opened.value);
  if (parsed.success && !opened.isSealed)
    notice(
      `${file} was written by an earlier version, without a hash of itself: it cannot be checked.`,
      "old data set",
    );
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new DatasetError(file, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not a data set"}`, PREPARE_AGAIN);
}

function readSlicesHeader(file: string, info: DatasetInfo): NpyHeader {
  let start: Uint8Array;
  let size: number;
  try {
    ({ start, size } = readStart(file));
  } catch (cause) {
    throw new DatasetError(file, `cannot be read (${codeOf(cause)})`, PREPARE_AGAIN, { cause });
  }
  let header: NpyHeader;
  try {
    header = parseNpyHeader(start, file);
  } catch (cause) {
    throw new DatasetError(file, `expected a .npy array (${codeOf(cause)})`, PREPARE_AGAIN, { cause });
  }
  const [n, h, w] = header.shape;
  const fits = header.shape.length === 3 && h === info.height && w === info.width && header.dtype === info.dtype;
  if (!fits || header.fortranOrder || !header.littleEndian) {
    const found = `${header.dtype} (${header.shape.join(", ")})`;
    const expected = `expected little-endian ${info.dtype} (N, ${info.height}, ${info.width}) in C order`;
    throw new DatasetError(file, `${expected}, found ${found}`, PREPARE_AGAIN);
  }
  const bytes = header.offset + (n ?? 0) * info.height * info.width * header.itemBytes;
  if (size === bytes) return header;
  throw new DatasetError(
    file,
    `expected ${bytes} bytes for ${n ?? 0} slices, found ${size}`,
    `It was cut or copied badly. ${PREPARE_AGAIN}`,
  );
}

function readStart(file: string): { start: Uint8Array; size: number } {
  const descriptor = openSync(file, "r");
  try {
    const size = fstatSync(descriptor).size;
    const start = new Uint8Array(Math.min(size, 4096));
    readSync(descriptor, start, 0, start.length, 0);
    return { start, size };
  } finally {
    closeSync(descriptor);
  }
}

function checkIndex(file: string, volumes: VolumeRecord[], info: DatasetInfo, slices: number): void {
  const refuse = (problem: string) => {
    throw new DatasetError(file, problem, PREPARE_AGAIN);
  };
  if (volumes.length !== info.count) refuse(`expected ${info.count} volumes (dataset.json), found ${volumes.length}`);
  const ids = new Set<string>();
  let next = 0;
  for (const volume of volumes) {
    const { id, first, count, label, unit } = volume;
    if (ids.has(id)) refuse(`id ${id} stands twice`);
    ids.add(id);
    if (first !== next || count < 1)
      refuse(`${id}: expected slices from ${next} on, found first ${first}, count ${count}`);
    if (info.depth !== "native" && count !== info.depth) refuse(`${id}: expected ${info.depth} slices, found ${count}`);
    if (label >= info.classes.length) refuse(`${id}: expected a label 0..${info.classes.length - 1}, found ${label}`);
    if (unit !== info.unit) refuse(`${id}: expected the unit ${info.unit}, found ${unit}`);
    next += count;
  }
  if (next !== slices) refuse(`expected ${slices} slices as in slices.npy, the rows add up to ${next}`);
}

export type StoreArray = Int16Array | Uint8Array | Uint16Array | Float32Array;
const Arrays = { int16: Int16Array, uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array };

/** Voxels of `count` slices from slice `first` on, S x H x W. @throws DatasetError where the file ends before */
export function readStored(
  { info, slicesPath, slicesOffset }: Pick<Dataset, "info" | "slicesPath" | "slicesOffset">,
  first: number,
  count: number,
): StoreArray {
  const sliceBytes = info.height * info.width * storeBytes[info.dtype];
  const bytes = new Uint8Array(count * sliceBytes);
  const descriptor = openSync(slicesPath, "r");
  try {
    // One call to the operating system takes at most 2 GiB.
    for (let done = 0; done < bytes.length;) {
      const at = slicesOffset + first * sliceBytes + done;
      const got = readSync(descriptor, bytes, done, Math.min(bytes.length - done, 2 ** 30), at);
      if (got === 0) throw new DatasetError(slicesPath, "ends before its last slice", PREPARE_AGAIN);
      done += got;
    }
  } finally {
    closeSync(descriptor);
  }
  return new Arrays[info.dtype](bytes.buffer);
}

/**
 * The identity of a data set: SHA-256 over dtype, shape and subjects.csv, which holds the hash of every volume's voxels;
 * times and folders play no part.
 */
export function datasetHash(shape: readonly number[], dtype: StoreDtype, subjectsCsv: string): string {
  const subjects = createHash("sha256").update(subjectsCsv).digest("hex");
  return createHash("sha256")
    .update(`slicestack 2 ${dtype} ${shape.join(",")} ${subjects}`)
    .digest("hex");
}

/** dataset.json as it is written. */
export const infoText = (info: DatasetInfo): string => sealedJson(info);

/** Labels, subjects and hashes of voxels must be those that the data set was named by. */
function checkHash(file: string, { hash, height, width, dtype }: DatasetInfo, slices: number): void {
  const found = datasetHash([slices, height, width], dtype, readFileSync(file, "utf8"));
  if (found === hash) return;
  const problem = `its content was changed after the data set was prepared: with it the hash is ${found.slice(0, 12)}, dataset.json says ${hash.slice(0, 12)}`;
  const remedy =
    "Put the old file back. Where labels are to be corrected, correct the labels file and prepare again: it becomes another data set.";
  throw new DatasetError(file, problem, remedy);
}

export interface VerifyOptions {
  /** Told after each volume. */
  onBytes?: (done: number, total: number) => void;
  signal?: AbortSignal | undefined;
}

/**
 * Reads every byte of slices.npy and compares with the hashes of subjects.csv, which openDataset has compared with that of
 * dataset.json. @throws DatasetError where they differ   @throws the signal's reason
 */
export async function verifyDataset(dataset: Dataset, { onBytes, signal }: VerifyOptions = {}): Promise<void> {
  const { info, slicesPath, slicesOffset, volumes, directory } = dataset;
  const slices = volumes.reduce((n, volume) => n + volume.count, 0);
  checkHash(join(directory, "subjects.csv"), info, slices);
  const changed = `It was changed after it was prepared. ${PREPARE_AGAIN}`;
  const sliceBytes = info.height * info.width * storeBytes[info.dtype];
  let done = 0;
  for (const { id, first, count, voxelSha256 } of volumes) {
    const hash = createHash("sha256");
    const start = slicesOffset + first * sliceBytes;
    const stream = createReadStream(slicesPath, { start, end: start + count * sliceBytes - 1, highWaterMark: 2 ** 20 });
    for await (const chunk of stream) hash.update(chunk as Buffer);
    if (hash.digest("hex") !== voxelSha256)
      throw new DatasetError(slicesPath, `the voxels of ${id} are not those that were prepared`, changed);
    signal?.throwIfAborted();
    onBytes?.((done += count * sliceBytes), slices * sliceBytes);
  }
}
