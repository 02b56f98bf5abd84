/** The volumes of a source folder: where their voxels are, and how labels may refer to them. */
import type { SetAsideCode } from "@slicestack/volume";
import type { FurtherColumns } from "./columns.js";
import type { Part } from "../split/parts.js";

/** How the voxels of one volume are read; plain data, because it is sent to a worker thread. Paths are absolute. */
export type VolumeInput =
  /** One file in HU: NIfTI, NRRD, MetaImage. */
  | { kind: "file"; path: string }
  /** A ready-made array (H, W, slices). */
  | { kind: "npy"; path: string }
  /** One item of a stacked array: (N, H, W, slices), or (N, slices, H, W). */
  | { kind: "npy-item"; path: string; item: number; order: "HWS" | "SHW" }
  /** One item of an array (N, slices, H, W) in an archive. */
  | { kind: "npz-item"; path: string; array: string; item: number }
  /** Arrays (H, W), one per slice, in the order of their numbers. */
  | { kind: "npy-slices"; paths: string[]; numbers: number[] }
  /** PNG or JPEG files, one per slice, in the order of their numbers. */
  | { kind: "images"; paths: string[]; numbers: number[] }
  /** The files of one DICOM series, on disk or in a zip. */
  | { kind: "dicom"; series: string; files: DicomFilePath[] };

/** A DICOM file; `entry` is its name within the zip at `path`. */
export interface DicomFilePath {
  path: string;
  entry?: string;
}

/** Whether the values are HU; ready-made arrays are used unchanged. */
export const isCt = ({ kind }: VolumeInput): boolean => kind === "file" || kind === "dicom";

/** Columns by which a labels file may refer to a volume. */
export const KEYS = [
  "path",
  "PatientID",
  "AccessionNumber",
  "StudyInstanceUID",
  "SeriesInstanceUID",
] as const;
export type Key = (typeof KEYS)[number];

/** A volume found in the source. */
export interface SourceVolume {
  /** The file's name without extension, or its path if two files have the same name. */
  id: string;
  /** Path below the source folder, with forward slashes; used in messages. */
  path: string;
  input: VolumeInput;
  /** Names by which labels may refer to it. */
  names: Record<Key, readonly string[]>;
  /** From a folder class_k, ct_k or CT-k above it, or from an archive. */
  folderLabel: number | null;
  className: string | null;
  part: Part | null;
  /** The subject, if the source names it. */
  subject: string | null;
  /** Properties of the acquisition, for subjects.csv: scanner, site … */
  facts: Record<string, string>;
  /** For DICOM: properties by which one of several series of a study is chosen. */
  series: { description: string; spacing: number; slices: number; uid: string; study: string } | null;
}

/** A volume with its label. */
export interface LabelledVolume extends SourceVolume {
  subject: string;
  label: number;
  /** Further columns of the labels file, and the facts of the source. */
  extra: Record<string, string>;
}

/** A file of the source that is not a volume. */
export interface SetAside {
  path: string;
  reason: string;
  /** For DICOM files: the kind of reason, for counting. */
  code?: SetAsideCode;
}

/** A volume of the source that cannot be read. */
export interface Broken extends SetAside {
  /** The reason without anything that may identify a patient. */
  nameless: string;
}

export interface Labelling {
  volumes: LabelledVolume[];
  /** Class names, by label. */
  classes: string[];
  /** Volumes that were left out on purpose: they have no label, or another series of the study was chosen. */
  left: SetAside[];
  /** Warnings about volumes whose subject is a placeholder or unknown. */
  warnings: string[];
  /** Further columns of the labels file. */
  columns: FurtherColumns;
}
