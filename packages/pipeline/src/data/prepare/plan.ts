/** What a preparation will do, decided before the first voxel is read: the same plan gives the same bytes. */
import { createHash } from "node:crypto";
import { existsSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve, sep } from "node:path";
import { PrepareError } from "../errors.js";
import type { FurtherColumns } from "../ingest/columns.js";
import { discover } from "../ingest/discover.js";
import { labelsFromSource, labelsFromTable, type LabelOptions } from "../ingest/labels.js";
import { pseudonymised, Pseudonyms, readSalt, saltPath } from "../ingest/privacy.js";
import { isPersonal } from "../ingest/personal-columns.js";
import { isCt, type Broken, type LabelledVolume, type SetAside, type VolumeInput } from "../ingest/source.js";
import type { Progress } from "../../engine/progress.js";
import { checkedRecipe, type Recipe, type RecipeOptions } from "./recipe.js";
import { findMasks } from "./masks.js";

export interface PlanOptions extends RecipeOptions, LabelOptions {
  /** Folder, zip or archive of volumes in any of the known layouts (docs/how-to/prepare.md). */
  source: string;
  /** CSV with id or path, label, subject …; default: labels.csv in the source, else its class folders. */
  labels?: string;
  /** Keep PatientIDs and paths of DICOM files in the index; default: salted hashes instead. */
  keepIds?: boolean;
  /** Default: the salt file of this user. */
  saltFile?: string;
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

export interface PlannedVolume extends LabelledVolume {
  /** The source in the index: the path, or for DICOM a hash. */
  source: string;
  mask: string | null;
}

/** A volume that is left out, for the terminal and for the data set. */
export interface Quarantined {
  /** Path below the source. */
  path: string;
  /** The source in the data set. */
  source: string;
  reason: string;
  /** The reason in the data set. */
  kept: string;
}

export interface Plan {
  volumes: PlannedVolume[];
  classes: string[];
  /** Further columns of the labels file: what is kept, and what is not. */
  columns: FurtherColumns;
  recipe: Recipe;
  ct: boolean;
  /** Files that are not volumes of this data set, with the reason. */
  left: SetAside[];
  /** Volumes that were found but cannot be read. */
  broken: Quarantined[];
  /** Folders that messages remove from the beginning of paths. */
  roots: string[];
  /** Whether the data set may contain names of files and folders, which for DICOM may identify a patient. */
  keepsNames: boolean;
  /** What to check before the data set is used. */
  warnings: string[];
  /** SHA-256 over the recipe, the labels, and the size and modification time of every file. */
  key: string;
}

/** @throws PrepareError, LabelsError, TableError */
export async function makePlan(options: PlanOptions): Promise<Plan> {
  const { source, labels } = options;
  const scans = await discover(source, options);
  const table = labels ?? join(source, "labels.csv");
  const labelling =
    labels !== undefined || existsSync(table)
      ? labelsFromTable(scans.volumes, table, options, scans.reasons)
      : labelsFromSource(refuseUnlabelled(scans.volumes, source), source, options);
  const { classes } = labelling;
  const ct = isCtSource(source, labelling.volumes);
  const recipe = checkedRecipe(options, ct);
  const masks = recipe.mask === null ? null : findMasks(recipe.mask, labelling.volumes);
  const named = labelling.volumes.map((volume) => ({
    ...volume,
    source: volume.path,
    mask: masks?.get(volume.id) ?? null,
  }));
  const keepsNames = options.keepIds === true || scans.series.size === 0;
  const volumes = options.keepIds ? named : withoutIdentity(named, options);
  refuseDuplicateIds(volumes);
  return {
    volumes,
    classes,
    columns: labelling.columns,
    recipe,
    ct,
    left: [...scans.setAside, ...labelling.left],
    broken: scans.broken.map((file) => quarantined(file, keepsNames ? null : pseudonymsOf(options))),
    roots: [scans.root, ...(recipe.mask === null ? [] : [resolve(recipe.mask)])],
    keepsNames,
    warnings: labelling.warnings,
    key: keyOf(volumes, recipe, classes),
  };
}

function refuseUnlabelled<T extends { folderLabel: number | null }>(volumes: T[], source: string): T[] {
  if (volumes.some(({ folderLabel }) => folderLabel !== null)) return volumes;
  throw new PrepareError(
    `${source}: no labels found`,
    "Pass --labels FILE.csv (columns id, label, subject), put labels.csv into the folder, or sort the volumes into class_0/, class_1/ …",
  );
}

/** @returns whether all are CT in HU @throws PrepareError if only some are */
function isCtSource(source: string, volumes: readonly LabelledVolume[]): boolean {
  const [first] = volumes;
  if (first === undefined)
    throw new PrepareError(
      `${source}: none of the volumes has a label`,
      "Check the labels file, or leave --skip-unlabelled out to see what does not match.",
    );
  const ct = isCt(first.input);
  const other = volumes.find(({ input }) => isCt(input) !== ct);
  if (other === undefined) return ct;
  throw new PrepareError(
    `${source}: expected one kind of volume, found CT in HU and ready-made arrays (${first.path}, ${other.path})`,
    "Prepare them separately.",
  );
}

/** Replaces what identifies a patient of a DICOM series, and subjects that a labels file names by their patient id. */
function withoutIdentity(volumes: PlannedVolume[], options: PlanOptions): PlannedVolume[] {
  const personal = options.columns?.subject !== undefined && isPersonal(options.columns.subject);
  if (!personal && !volumes.some(({ input }) => input.kind === "dicom")) return volumes;
  const pseudonyms = pseudonymsOf(options);
  return volumes.map((volume) => pseudonymised(volume, pseudonyms, personal));
}

const pseudonymsOf = ({ saltFile }: PlanOptions): Pseudonyms =>
  new Pseudonyms(readSalt(saltFile ?? saltPath(process.env, homedir())));

/** @param pseudonyms null if names may be kept */
function quarantined({ path, reason, nameless }: Broken, pseudonyms: Pseudonyms | null): Quarantined {
  if (pseudonyms === null) return { path, source: path, reason, kept: reason };
  return { path, source: `file ${pseudonyms.of("file", path)}`, reason, kept: nameless };
}

/** From here on, ids identify volumes. */
function refuseDuplicateIds(volumes: readonly PlannedVolume[]): void {
  const paths = new Map<string, string>();
  for (const { id, path } of volumes) {
    const other = paths.get(id);
    if (other !== undefined)
      throw new PrepareError(`id ${id} belongs to both ${other} and ${path}`, "Rename one of them.");
    paths.set(id, path);
  }
}

function keyOf(volumes: readonly PlannedVolume[], recipe: Recipe, classes: readonly string[]): string {
  // The files below represent the folder of masks: its path has many spellings, and differs between machines.
  const steps = { ...recipe, mask: recipe.mask !== null };
  const hash = createHash("sha256").update(JSON.stringify(["slicestack prepare 2", steps, classes]));
  for (const { id, subject, label, part, extra, source, input, mask } of volumes) {
    const files = mask === null ? filesOf(input) : [...filesOf(input), mask];
    const stats = files.map((file) => {
      // A file that has vanished since then is quarantined when it is read.
      const stat = statSync(file, { throwIfNoEntry: false });
      return [basename(file), stat?.size, stat?.mtimeMs];
    });
    hash.update(JSON.stringify([id, subject, label, part, extra, source, stats]));
  }
  return hash.digest("hex");
}

function filesOf(input: VolumeInput): string[] {
  if ("path" in input) return [input.path];
  return input.kind === "dicom" ? [...new Set(input.files.map(({ path }) => path))] : input.paths;
}

/** A destination inside the source would be input the next time; one around it would replace it. @throws PrepareError */
export function refuseNested(source: string, destination: string): void {
  const from = withoutLinks(source) + sep;
  const to = withoutLinks(destination) + sep;
  if (!from.startsWith(to) && !to.startsWith(from)) return;
  throw new PrepareError(
    `destination: expected a folder beside ${source}, received ${destination}`,
    "Choose a folder outside the source.",
  );
}

/** The path without links, also if its last folders do not exist yet. */
function withoutLinks(path: string): string {
  const full = resolve(path);
  const parent = dirname(full);
  if (existsSync(full)) return realpathSync(full);
  return parent === full ? full : join(withoutLinks(parent), basename(full));
}
