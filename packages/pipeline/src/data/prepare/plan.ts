/** What a preparation will do, settled before the first voxel is read: the same plan gives the same bytes. */
import { createHash } from "node:crypto";
import { existsSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve, sep } from "node:path";
import { PrepareError } from "../errors.js";
import type { FurtherColumns } from "../ingest/columns.js";
import { discover } from "../ingest/discover.js";
import { labelsFromSource, labelsFromTable, type LabelOptions } from "../ingest/labels.js";
import { hidden, Pseudonyms, readSalt, saltPath } from "../ingest/privacy.js";
import { isPersonal } from "../ingest/personal-columns.js";
import { isCt, type Broken, type LabelledVolume, type SetAside, type VolumeInput } from "../ingest/source.js";
import type { Progress } from "../../engine/progress.js";
import { checkedRecipe, type Recipe, type RecipeOptions } from "./recipe.js";
import { findMasks } from "./crop.js";

export interface PlanOptions extends RecipeOptions, LabelOptions {
  /** Folder, zip or archive of volumes in any of the known layouts (docs/how-to/prepare.md). */
  source: string;
  /** CSV with id or path, label, subject …; default: labels.csv in the source, else its class folders. */
  labels?: string;
  /** Keep PatientIDs and paths of DICOM files in the index; default: salted hashes in their place. */
  keepIds?: boolean;
  /** Default: one file of this user's. */
  saltFile?: string;
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

export interface PlannedVolume extends LabelledVolume {
  /** What the index calls its source: its path, or for DICOM a hash. */
  source: string;
  mask: string | null;
}

/** A volume that is left out, for the terminal and for the data set. */
export interface Quarantined {
  /** Below the source. */
  path: string;
  /** What the data set calls it. */
  source: string;
  reason: string;
  /** What the data set says of the reason. */
  kept: string;
}

export interface Plan {
  volumes: PlannedVolume[];
  classes: string[];
  /** Further columns of the labels file: what is kept, and what is not. */
  columns: FurtherColumns;
  recipe: Recipe;
  ct: boolean;
  /** Files that are no volumes of this set, with the reason. */
  left: SetAside[];
  /** Volumes that were found and cannot be read. */
  broken: Quarantined[];
  /** Folders below which files are named in messages by the rest of their paths. */
  roots: string[];
  /** Whether the data set may hold names of files and folders: of DICOM they may name a patient. */
  keepsNames: boolean;
  /** What to look at before the set is used. */
  warnings: string[];
  /** SHA-256 over recipe, labels, and size and time of every file. */
  key: string;
}

/** @throws PrepareError, LabelsError, TableError */
export async function makePlan(options: PlanOptions): Promise<Plan> {
  const { source, labels } = options;
  const found = await discover(source, options);
  const table = labels ?? join(source, "labels.csv");
  const labelling =
    labels !== undefined || existsSync(table)
      ? labelsFromTable(found.volumes, table, options, found.reasons)
      : labelsFromSource(withSomeLabel(found.volumes, source), source, options);
  const { classes } = labelling;
  const ct = oneKind(source, labelling.volumes);
  const recipe = checkedRecipe(options, ct);
  const masks = recipe.mask === null ? null : findMasks(recipe.mask, labelling.volumes);
  const named = labelling.volumes.map((volume) => ({
    ...volume,
    source: volume.path,
    mask: masks?.get(volume.id) ?? null,
  }));
  const keepsNames = options.keepIds === true || found.series.size === 0;
  const volumes = options.keepIds ? named : withoutIdentity(named, options);
  refuseTwice(volumes);
  return {
    volumes,
    classes,
    columns: labelling.columns,
    recipe,
    ct,
    left: [...found.setAside, ...labelling.left],
    broken: found.broken.map((one) => quarantined(one, keepsNames ? null : pseudonymsOf(options))),
    roots: [found.root, ...(recipe.mask === null ? [] : [resolve(recipe.mask)])],
    keepsNames,
    warnings: labelling.warnings,
    key: keyOf(volumes, recipe, classes),
  };
}

function withSomeLabel<T extends { folderLabel: number | null }>(volumes: T[], source: string): T[] {
  if (volumes.some(({ folderLabel }) => folderLabel !== null)) return volumes;
  throw new PrepareError(
    `${source}: no labels found`,
    "Pass --labels FILE.csv (columns id, label, subject), put labels.csv into the folder, or sort the volumes into class_0/, class_1/ …",
  );
}

/** @returns whether all are CT in HU @throws PrepareError where some are and some are not */
function oneKind(source: string, volumes: readonly LabelledVolume[]): boolean {
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
    "They do not mix: prepare them apart.",
  );
}

/** Replaces what names a patient of a DICOM series, and subjects that a labels file calls by their patient id. */
function withoutIdentity(volumes: PlannedVolume[], options: PlanOptions): PlannedVolume[] {
  const personal = options.columns?.subject !== undefined && isPersonal(options.columns.subject);
  if (!personal && !volumes.some(({ input }) => input.kind === "dicom")) return volumes;
  const pseudonyms = pseudonymsOf(options);
  return volumes.map((volume) => hidden(volume, pseudonyms, personal));
}

const pseudonymsOf = ({ saltFile }: PlanOptions): Pseudonyms =>
  new Pseudonyms(readSalt(saltFile ?? saltPath(process.env, homedir())));

/** @param pseudonyms null where names may be kept */
function quarantined({ path, reason, nameless }: Broken, pseudonyms: Pseudonyms | null): Quarantined {
  if (pseudonyms === null) return { path, source: path, reason, kept: reason };
  return { path, source: `file ${pseudonyms.of("file", path)}`, reason, kept: nameless };
}

/** Ids name volumes everywhere after this. */
function refuseTwice(volumes: readonly PlannedVolume[]): void {
  const paths = new Map<string, string>();
  for (const { id, path } of volumes) {
    const other = paths.get(id);
    if (other !== undefined)
      throw new PrepareError(`id ${id} is that of ${other} and of ${path}`, "Rename one of them.");
    paths.set(id, path);
  }
}

function keyOf(volumes: readonly PlannedVolume[], recipe: Recipe, classes: readonly string[]): string {
  // The folder of masks goes by its files below: one folder has many spellings, and another place on each machine.
  const steps = { ...recipe, mask: recipe.mask !== null };
  const hash = createHash("sha256").update(JSON.stringify(["slicestack prepare 2", steps, classes]));
  for (const { id, subject, label, part, extra, source, input, mask } of volumes) {
    const files = mask === null ? filesOf(input) : [...filesOf(input), mask];
    const stats = files.map((file) => {
      // One that has vanished since it was found is quarantined where it is read.
      const found = statSync(file, { throwIfNoEntry: false });
      return [basename(file), found?.size, found?.mtimeMs];
    });
    hash.update(JSON.stringify([id, subject, label, part, extra, source, stats]));
  }
  return hash.digest("hex");
}

function filesOf(input: VolumeInput): string[] {
  if ("path" in input) return [input.path];
  return input.kind === "dicom" ? [...new Set(input.files.map(({ path }) => path))] : input.paths;
}

/** A destination inside the source would be found as input the next time; one around it would replace it. @throws PrepareError */
export function refuseNested(source: string, destination: string): void {
  const from = withoutLinks(source) + sep;
  const to = withoutLinks(destination) + sep;
  if (!from.startsWith(to) && !to.startsWith(from)) return;
  throw new PrepareError(
    `destination: expected a folder beside ${source}, received ${destination}`,
    "Choose a folder outside the source.",
  );
}

/** Where a path leads, also where its last folders are still to be made. */
function withoutLinks(path: string): string {
  const full = resolve(path);
  const parent = dirname(full);
  if (existsSync(full)) return realpathSync(full);
  return parent === full ? full : join(withoutLinks(parent), basename(full));
}
