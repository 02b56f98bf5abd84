/**
 * Writes a data set in the published layouts: train|val|test/class_k/NAME_INDEX.npy, each a slice (H, W), or NAME.npy,
 * each a volume (H, W, slices).
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { writeNpy } from "@slicestack/volume/node";
import type { Progress } from "../engine/progress.js";
import { StagedFolder } from "./atomic.js";
import { writeTable } from "./csv.js";
import { PrepareError } from "./errors.js";
import { PARTS, type Part } from "./split/parts.js";
import { readSplit, splitPath } from "./split/split.js";
import { readStored, type Dataset } from "./store.js";
import type { VolumeRecord } from "./volume-record.js";
import { makeFolder } from "./make-folder.js";

export interface SlicesOptions {
  /** Folder to create. */
  destination: string;
  overwrite?: boolean;
  /** One file per volume instead of one per slice. */
  volumes?: boolean;
  /** Fold of a cross-validation, counted from 0. */
  fold?: number;
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

export interface SlicesResult {
  directory: string;
  volumes: number;
  slices: number;
}

/**
 * Writes every slice, or every volume, as a separate file, with labels.csv beside them; `prepare` reads the folder back to
 * the same volumes, subjects and parts. Indices have leading zeros, so that alphabetical order is the order of the slices.
 * If the data set has a split, volumes are in the folder of their part, otherwise directly in class_k/.
 * @throws FolderError if the destination is not empty   @throws PrepareError if names clash   @throws SplitError
 * @throws the signal's reason; nothing is left behind
 */
export async function writeSlices(dataset: Dataset, options: SlicesOptions): Promise<SlicesResult> {
  const partOf = partsOf(dataset, options.fold);
  const names = fileNames(dataset);
  const folder = new StagedFolder(options.destination, "slices", options.overwrite ?? false);
  const { volumes, info } = dataset;
  let slices = 0;
  try {
    for (const [k, volume] of volumes.entries()) {
      options.signal?.throwIfAborted();
      const part = partOf === null ? "" : partOf.get(volume.id);
      if (part === undefined) continue;
      const into = join(folder.path, part, `class_${volume.label}`);
      makeFolder(into);
      const stem = join(into, names.get(volume.id)!);
      slices +=
        options.volumes === true
          ? await writeVolume(dataset, volume, stem)
          : await writeEach(dataset, volume, stem);
      options.onProgress?.({
        stage: "slices",
        done: k + 1,
        total: volumes.length,
        unit: "volumes",
        message: volume.id,
      });
    }
    const written = volumes.filter(({ id }) => partOf === null || partOf.has(id));
    const rows = written.map(({ id, subject, label }) => ({
      id: names.get(id)!,
      subject,
      label,
      class: info.classes[label]!,
    }));
    writeTable(join(folder.path, "labels.csv"), ["id", "subject", "label", "class"], rows);
    folder.commit();
    return { directory: options.destination, volumes: written.length, slices };
  } finally {
    folder.abort();
  }
}

function partsOf(dataset: Dataset, fold: number | undefined): Map<string, Part> | null {
  const file = splitPath(dataset);
  if (!existsSync(file) && fold === undefined) return null;
  const { parts } = readSplit(file, fold === undefined ? {} : { fold });
  return new Map(PARTS.flatMap((part) => parts[part].map((id) => [id, part] as const)));
}

/** File names for the ids, which may be paths. */
function fileNames({ volumes }: Dataset): Map<string, string> {
  const names = new Map(volumes.map(({ id }) => [id, id.replaceAll(/[/\\]/g, "__")]));
  if (new Set(names.values()).size === volumes.length) return names;
  throw new PrepareError(
    "slices: two ids give the same file name",
    "Prepare the data set again with other ids.",
  );
}

/** (H, W, slices), the last axis changing fastest. */
async function writeVolume(dataset: Dataset, { first, count }: VolumeRecord, stem: string): Promise<number> {
  const { height, width } = dataset.info;
  const plane = height * width;
  const voxels = readStored(dataset, first, count);
  const data = voxels.slice();
  for (let s = 0; s < count; s++)
    for (let p = 0; p < plane; p++) data[p * count + s] = voxels[s * plane + p]!;
  await writeNpy(`${stem}.npy`, { data, shape: [height, width, count] });
  return count;
}

async function writeEach(dataset: Dataset, { first, count }: VolumeRecord, stem: string): Promise<number> {
  const { height, width } = dataset.info;
  const plane = height * width;
  const voxels = readStored(dataset, first, count);
  const digits = Math.max(3, String(count - 1).length);
  for (let s = 0; s < count; s++) {
    const data = voxels.slice(s * plane, (s + 1) * plane);
    await writeNpy(`${stem}_${String(s).padStart(digits, "0")}.npy`, { data, shape: [height, width] });
  }
  return count;
}
