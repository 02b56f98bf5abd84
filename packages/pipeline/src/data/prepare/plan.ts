/** What a preparation will do, settled before the first voxel is read: the same plan gives the same bytes. */
import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join, resolve, sep } from "node:path";
import { PrepareError } from "../errors.js";
import { discover } from "../ingest/discover.js";
import { labelsFromSource, labelsFromTable, type LabelOptions } from "../ingest/labels.js";
import { hidden, isPersonal, Pseudonyms, readSalt, saltPath } from "../ingest/privacy.js";
import { isCt, type LabelledVolume, type SetAside, type VolumeInput } from "../ingest/source.js";
import type { Progress } from "../../progress.js";
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

export interface Plan {
  volumes: PlannedVolume[];
  classes: string[];
  recipe: Recipe;
  ct: boolean;
  /** Files that are no volumes of this set, with the reason. */
  left: SetAside[];
  /** Volumes that were found and cannot be read, with the reason. */
  broken: SetAside[];
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
      ? labelsFromTable(found.volumes, table, options)
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
  const volumes = options.keepIds ? named : withoutIdentity(named, options);
  refuseTwice(volumes);
  return {
    volumes,
    classes,
    recipe,
    ct,
    left: [...found.setAside, ...labelling.left],
    broken: found.broken,
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
    throw new PrepareError(`${source}: none of the volumes has a label`, "Check the labels file, or leave --skip-unlabelled out to see what does not match."); // prettier-ignore
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
  const pseudonyms = new Pseudonyms(readSalt(options.saltFile ?? saltPath(process.env, homedir())));
  return volumes.map((volume) => hidden(volume, pseudonyms, personal));
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
  const hash = createHash("sha256").update(JSON.stringify(["slicestack prepare 2", recipe, classes]));
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
  const from = resolve(source) + sep;
  const to = resolve(destination) + sep;
  if (!from.startsWith(to) && !to.startsWith(from)) return;
  throw new PrepareError(
    `destination: expected a folder beside ${source}, came ${destination}`,
    "Choose a folder outside the source.",
  );
}
