/** Reads one volume for inspection: as it is stored, and as it is shown. */
import { basename } from "node:path";
import { reorient, volumeOfSlices, type Volume } from "@slicestack/volume";
import { detectFormat, openNpzFile } from "@slicestack/volume/node";
import type { VolumeInput } from "../data/ingest/source.js";
import { arrayHash } from "../data/hash.js";
import { readInput, type ReadOptions } from "../data/prepare/read.js";
import { readStored, type Dataset } from "../data/store.js";
import type { VolumeRecord } from "../data/volume-record.js";

export interface ReadVolume {
  /** As stored in the file. */
  volume: Volume;
  format: string;
  /** False for arrays and pictures, which have neither spacing nor orientation. */
  placed: boolean;
  /** What was corrected. */
  facts: Record<string, string>;
  /** Of the item's values, if the file contains many volumes; undefined if the hash of the file is stored. */
  sha256: string | undefined;
}

/** @throws VolumeFormatError, VolumeFileError, DicomSeriesError */
export async function readToLook(input: VolumeInput, options: ReadOptions): Promise<ReadVolume> {
  const format = await formatOf(input);
  const placed = ["NIfTI", "NRRD", "MetaImage", "DICOM"].includes(format);
  if (input.kind !== "npz-item") {
    const { volume, facts, sha256 } = await readInput(input, options);
    return { volume, format, placed, facts, sha256 };
  }
  const volume = await readItem(input, options);
  return { volume, format, placed, facts: {}, sha256: arrayHash(volume.data) };
}

/** Without unpacking the archive: the items before this one are decompressed and discarded. */
async function readItem(input: VolumeInput & { kind: "npz-item" }, { unit }: ReadOptions): Promise<Volume> {
  const { path, array, item } = input;
  await using opened = await openNpzFile(path);
  const { dtype, data, shape } = await opened.npz.array(array).readRange(item, 1);
  const volume = volumeOfSlices({ dtype, data, shape: shape.slice(1), fortranOrder: false }, path);
  return { ...volume, ...(unit === null ? {} : { unit }) };
}

/** By content for a single file. */
export async function formatOf(input: VolumeInput): Promise<string> {
  switch (input.kind) {
    case "file":
      return (await detectFormat(input.path)) ?? basename(input.path);
    case "dicom":
      return "DICOM";
    case "images":
      return /\.png$/i.test(input.paths[0] ?? "") ? "PNG" : "JPEG";
    case "npz-item":
      return "npz";
    default:
      return "npy";
  }
}

/** A volume of a data set, read into memory. @throws DatasetError */
export function storedVolume(dataset: Dataset, { first, count, geometry, unit }: VolumeRecord): Volume {
  const { height, width } = dataset.info;
  const { spacing, origin, direction } = geometry;
  const data = readStored(dataset, first, count);
  return { data, shape: [width, height, count], spacing, origin, direction: [...direction], unit };
}

/** In radiological orientation: columns towards the patient's left, rows towards the back, slices from the feet upwards. */
export const turned = (volume: Volume): Volume => reorient(volume, "LPS");
