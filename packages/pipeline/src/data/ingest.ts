import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { codeOf } from "./csv.js";
import { PrepareError } from "./errors.js";
import { labelsFromFolders, labelsFromTable, withoutExtension, type Labelling } from "./labels.js";

/** A volume found below the source folder. */
export interface SourceFile {
  /** The file's name without extension, or its path where two files have the same name. */
  id: string;
  /** Below the source folder, with forward slashes. */
  path: string;
  stem: string;
  kind: "nifti" | "npy";
  /** From a folder class_k or CT-k above it. */
  folderLabel: number | null;
  className?: string;
}

/** Finds all volumes below `source`, in the order of their paths. @throws PrepareError no folder, no volume */
export function findVolumes(source: string): SourceFile[] {
  let names: string[];
  try {
    names = readdirSync(source, { recursive: true, encoding: "utf8" });
  } catch (cause) {
    throw new PrepareError(
      `${source}: expected a folder with .nii, .nii.gz or .npy volumes (${codeOf(cause)})`,
      "Check the path.",
      { cause },
    );
  }
  const paths = names
    .map((name) => name.replaceAll("\\", "/"))
    .filter((path) => /\.(nii|nii\.gz|npy)$/i.test(path) && !basename(path).startsWith("."))
    .sort();
  if (paths.length === 0) {
    throw new PrepareError(
      `${source}: no volume found`,
      "Expected files .nii, .nii.gz or .npy in it or in folders below.",
    );
  }
  const stems = paths.map((path) => withoutExtension(basename(path)));
  const unique = new Set(stems).size === stems.length;
  return paths.map((path, i) => describe(path, stems[i] ?? path, unique));
}

function describe(path: string, stem: string, unique: boolean): SourceFile {
  const folder = path
    .split("/")
    .slice(0, -1)
    .findLast((part) => /^(class_|CT-)\d+$/i.test(part));
  return {
    id: unique ? stem : withoutExtension(path),
    path,
    stem,
    kind: /\.npy$/i.test(path) ? "npy" : "nifti",
    folderLabel: folder === undefined ? null : Number(/\d+$/.exec(folder)?.[0]),
    ...(folder === undefined ? {} : { className: folder }),
  };
}

/**
 * Volumes and their labels: from `labels`, else from labels.csv in the source folder, else from class folders.
 * @throws PrepareError, LabelsError, TableError
 */
export function ingest(source: string, labels?: string): Labelling {
  const files = findVolumes(source);
  const table = labels ?? join(source, "labels.csv");
  if (labels !== undefined || existsSync(table)) return labelsFromTable(files, table);
  if (files.every((file) => file.folderLabel === null)) {
    throw new PrepareError(
      `${source}: no labels found`,
      "Pass --labels FILE.csv (columns id, label, subject), put labels.csv into the folder, or sort the volumes into class_0/, class_1/ …",
    );
  }
  return labelsFromFolders(files, source);
}
