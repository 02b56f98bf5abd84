/** Masks that the user provides: a volume is cropped to the box of its own. */
import { existsSync } from "node:fs";
import { basename, isAbsolute, join, relative, resolve, sep } from "node:path";
import { named, message, UnusableVolumeError, type Volume } from "@slicestack/volume";
import { readVolume } from "@slicestack/volume/node";
import { PrepareError } from "../errors.js";
import { withoutExtension } from "../ingest/paths.js";
import type { SourceVolume } from "../ingest/source.js";
import { reasonOf } from "../reason.js";
import type { Recipe } from "./recipe.js";

/** The mask of a volume; null if the recipe has none. @param mask its file  @throws UnusableVolumeError if it is missing or damaged */
export async function maskOf({ mask: masks }: Recipe, mask: string | null): Promise<Volume | null> {
  if (masks === null) return null;
  if (mask !== null) return await readMask(mask);
  throw new UnusableVolumeError("expected a mask of the same name, found none; add it, or leave --mask out");
}

/** The terminal shows the complete problem with a mask; the data set does not, as files and headers may name a patient. */
async function readMask(file: string): Promise<Volume> {
  try {
    return (await readVolume(file, { unit: "arbitrary" })).volume;
  } catch (cause) {
    const { whole } = reasonOf(cause);
    throw new UnusableVolumeError(message`its mask cannot be read${named(`: ${whole}`, "")}`, { cause });
  }
}

const ENDINGS = ["nii.gz", "nii", "nrrd", "mha", "mhd", "npy"];

/**
 * Masks by the ids of their volumes: files with the same path below `folder`, or the same name.
 * @throws PrepareError if no volume has one
 */
export function findMasks(
  folder: string,
  volumes: readonly Pick<SourceVolume, "id" | "path">[],
): Map<string, string> {
  if (!existsSync(folder))
    throw new PrepareError(`${folder}: expected a folder of masks, but it does not exist`, "Check --mask.");
  const root = resolve(folder);
  const masks = new Map<string, string>();
  for (const { id, path } of volumes) {
    const bare = withoutExtension(path);
    const stems = [bare, basename(bare), id];
    const names = [path, ...stems.flatMap((stem) => ENDINGS.map((ending) => `${stem}.${ending}`))];
    const file = names
      .map((name) => join(root, name))
      .find((file) => isBelow(root, file) && existsSync(file));
    if (file !== undefined) masks.set(id, file);
  }
  if (masks.size > 0) return masks;
  const first = volumes[0] === undefined ? "" : `, such as ${withoutExtension(volumes[0].path)}.nii.gz`;
  throw new PrepareError(
    `${folder}: no mask has the name of a volume`,
    `Name them like the volumes${first}.`,
  );
}

/** An id such as ../x must not reach outside the folder. */
function isBelow(root: string, file: string): boolean {
  const path = relative(root, file);
  return path !== "" && path !== ".." && !path.startsWith(`..${sep}`) && !isAbsolute(path);
}
