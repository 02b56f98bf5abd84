/** Derives the name, class and part of a volume from its path. */
import { basename } from "node:path";
import type { Part } from "../split/parts.js";
import type { Key, SourceVolume, VolumeInput } from "./source.js";

/** More classes than this are a mistake, such as a column of identifiers or a date in the name of a folder. */
export const MOST_CLASSES = 1000;

/** A volume of a file or folder, with the label and part that its path names. */
export function volumeOf(path: string, input: VolumeInput): SourceVolume {
  const folders = path.split("/").slice(0, -1);
  const labelled = /^(?:class_|ct_|CT-)(\d+)(?:_slices?)?$/i;
  // Stacked arrays carry the class in their own name: ct_0.npy.
  const itemNames =
    input.kind === "npy-item"
      ? [basename(input.path, ".npy")]
      : input.kind === "images"
        ? [basename(path)]
        : [];
  const labelOf = (part: string) => Number(labelled.exec(part)?.[1] ?? NaN);
  const className = [...folders, ...itemNames].findLast((part) => labelOf(part) < MOST_CLASSES) ?? null;
  const bare = withoutExtension(path);
  return {
    id: basename(bare),
    path,
    input,
    names: {
      path: [...new Set([path, bare, basename(path), basename(bare)])],
      PatientID: [],
      AccessionNumber: [],
      StudyInstanceUID: [],
      SeriesInstanceUID: [],
    } satisfies Record<Key, string[]>,
    folderLabel: className === null ? null : labelOf(className),
    className: className?.replace(/_slices?$/i, "") ?? null,
    part: partOf(folders),
    subject: null,
    facts: {},
    series: null,
  };
}

/** The part that a folder such as train/ names. */
function partOf(folders: readonly string[]): Part | null {
  for (const name of folders) {
    if (/^train(ing)?$/i.test(name)) return "train";
    if (/^val(id(ation)?)?$/i.test(name)) return "val";
    if (/^test(ing)?$/i.test(name)) return "test";
  }
  return null;
}

/** A name in one Unicode form: macOS writes ü as two characters, u and its dots; tables usually have one. */
export const composed = (name: string): string => name.normalize("NFC");

/** Without .nii.gz, .nii, .npy and the like. */
export function withoutExtension(path: string): string {
  return path.replace(/\.(nii\.gz|nii|hdr\.gz|hdr|nrrd|nhdr|mha|mhd|npy|npz)(?=#|$)/i, "");
}
