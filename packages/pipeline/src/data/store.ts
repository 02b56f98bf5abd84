import { createHash } from "node:crypto";
import { closeSync, createReadStream, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { join, resolve } from "node:path";
import type { StoreArray, StoreDtype } from "@slicestack/volume";
import { parseNpyHeader, type NpyHeader } from "@slicestack/volume/internal/npy-header";
import { z } from "zod";
import { notice } from "../engine/notices.js";
import { codeOf } from "./error-code.js";
import { DatasetError } from "./errors.js";
import { openSealed, sealedJson, type Opened } from "./sealed-json.js";
import { readSubjects } from "./subjects.js";
import type { VolumeRecord } from "./volume-record.js";

export type { StoreArray, StoreDtype };

/** Bytes of one voxel. */
export const storeBytes: Readonly<Record<StoreDtype, number>> = { int16: 2, uint8: 1, uint16: 2, float32: 4 };

export interface DatasetInfo {
  name: string;
  version: 2;
  height: number;
  width: number;
  dtype: StoreDtype;
  unit: "HU" | "arbitrary";
  /** -1000..400 for HU, otherwise the range of the source's dtype; see defaultWindow. */
  range: [number, number];
  depth: number | "native";
  /** Names by label. */
  classes: string[];
  /** Labels that volumes have, if `classes` names more: the others are not used in any task. Absent: all. */
  labels?: number[] | undefined;
  /** Volumes. */
  count: number;
  /** Identifies the data set: see datasetHash. */
  hash: string;
  recipe: Record<string, unknown>;
  versions: Record<string, string>;
  /** Author and licence of the data; shown in reports. */
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

/** Labels that tasks use: those with a volume, or all in a data set of a version that did not store them. */
export const labelsOf = ({ classes, labels }: Pick<DatasetInfo, "classes" | "labels">): number[] =>
  labels ?? classes.map((_, label) => label);

/** The field `labels` of dataset.json for these volumes. */
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

const PUT_BACK =
  "Restore the original file, or prepare the data set again with slicestack prepare --overwrite.";
const PREPARE_AGAIN = "Prepare the data set again with slicestack prepare --overwrite.";

/**
 * Opens a prepared data set and checks by their hashes that its three files belong together and are unchanged; voxels are
 * not read.
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
    throw new DatasetError(file, `is not a valid data set: ${codeOf(cause)}`, PUT_BACK, { cause });
  }
  const parsed = infoSchema.safeParse(opened.value);
  if (parsed.success && !opened.isSealed)
    notice(
      `${file} was written by an earlier version without a hash of its content, so it cannot be checked.`,
      "old data set",
    );
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new DatasetError(
    file,
    `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not a data set"}`,
    PREPARE_AGAIN,
  );
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
  const fits =
    header.shape.length === 3 && h === info.height && w === info.width && header.dtype === info.dtype;
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
    `It is truncated or was copied incompletely. ${PREPARE_AGAIN}`,
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
  if (volumes.length !== info.count)
    refuse(`expected ${info.count} volumes (dataset.json), found ${volumes.length}`);
  const ids = new Set<string>();
  let next = 0;
  for (const volume of volumes) {
    const { id, first, count, label, unit } = volume;
    if (ids.has(id)) refuse(`id ${id} appears twice`);
    ids.add(id);
    if (first !== next || count < 1)
      refuse(`${id}: expected slices that begin at ${next}, found first ${first}, count ${count}`);
    if (info.depth !== "native" && count !== info.depth)
      refuse(`${id}: expected ${info.depth} slices, found ${count}`);
    if (label >= info.classes.length)
      refuse(`${id}: expected a label 0..${info.classes.length - 1}, found ${label}`);
    if (unit !== info.unit) refuse(`${id}: expected the unit ${info.unit}, found ${unit}`);
    next += count;
  }
  if (next !== slices) refuse(`expected ${slices} slices as in slices.npy, but the rows add up to ${next}`);
}

const Arrays = { int16: Int16Array, uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array };

/** Voxels of `count` slices, beginning with slice `first`, S x H x W. @throws DatasetError if the file ends earlier */
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
      const bytesRead = readSync(descriptor, bytes, done, Math.min(bytes.length - done, 2 ** 30), at);
      if (bytesRead === 0)
        throw new DatasetError(slicesPath, "ends before the requested slices", PREPARE_AGAIN);
      done += bytesRead;
    }
  } finally {
    closeSync(descriptor);
  }
  return new Arrays[info.dtype](bytes.buffer);
}

/**
 * The identity of a data set: SHA-256 over dtype, shape and subjects.csv, which holds the hash of every volume's voxels;
 * times and folders do not matter.
 */
export function datasetHash(shape: readonly number[], dtype: StoreDtype, subjectsCsv: string): string {
  const subjects = createHash("sha256").update(subjectsCsv).digest("hex");
  return createHash("sha256")
    .update(`slicestack 2 ${dtype} ${shape.join(",")} ${subjects}`)
    .digest("hex");
}

/** The text of dataset.json. */
export const infoText = (info: DatasetInfo): string => sealedJson(info);

/** Checks that labels, subjects and hashes of voxels are those from which the hash of the data set was computed. */
function checkHash(file: string, { hash, height, width, dtype }: DatasetInfo, slices: number): void {
  const current = datasetHash([slices, height, width], dtype, readFileSync(file, "utf8"));
  if (current === hash) return;
  const problem = `its content was changed after the data set was prepared: its hash is now ${current.slice(0, 12)}, but dataset.json has ${hash.slice(0, 12)}`;
  const remedy =
    "Restore the original file. To correct labels, edit the labels file and prepare again, which gives another data set.";
  throw new DatasetError(file, problem, remedy);
}

export interface VerifyOptions {
  /** Called after each volume. */
  onBytes?: (done: number, total: number) => void;
  signal?: AbortSignal | undefined;
}

/**
 * Reads every byte of slices.npy and compares it with the hashes of subjects.csv, which openDataset has compared with the
 * hash of dataset.json. @throws DatasetError if they differ   @throws the signal's reason
 */
export async function verifyDataset(
  dataset: Dataset,
  { onBytes, signal }: VerifyOptions = {},
): Promise<void> {
  const { info, slicesPath, slicesOffset, volumes, directory } = dataset;
  const slices = volumes.reduce((n, volume) => n + volume.count, 0);
  checkHash(join(directory, "subjects.csv"), info, slices);
  const changed = `It was changed after it was prepared. ${PREPARE_AGAIN}`;
  const sliceBytes = info.height * info.width * storeBytes[info.dtype];
  let done = 0;
  for (const { id, first, count, voxelSha256 } of volumes) {
    const hash = createHash("sha256");
    const start = slicesOffset + first * sliceBytes;
    const stream = createReadStream(slicesPath, {
      start,
      end: start + count * sliceBytes - 1,
      highWaterMark: 2 ** 20,
    });
    for await (const chunk of stream) hash.update(chunk as Buffer);
    if (hash.digest("hex") !== voxelSha256)
      throw new DatasetError(slicesPath, `the voxels of ${id} differ from those that were prepared`, changed);
    signal?.throwIfAborted();
    onBytes?.((done += count * sliceBytes), slices * sliceBytes);
  }
}
