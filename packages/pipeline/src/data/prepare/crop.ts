/** Crops volumes to the lungs, to the body, or to the box of a mask that the user provides. */
import { existsSync } from "node:fs";
import { basename, isAbsolute, join, relative, resolve, sep } from "node:path";
import {
  cropTo,
  findBody,
  findLungs,
  maskBox,
  named,
  reorient,
  message,
  type Box,
  type Volume,
} from "@slicestack/volume";
import { readVolume } from "@slicestack/volume/node";
import { PrepareError } from "../errors.js";
import { withoutExtension } from "../ingest/paths.js";
import type { SourceVolume } from "../ingest/source.js";
import { reasonOf, UnusableVolumeError } from "../reason.js";
import type { Recipe } from "./recipe.js";

export interface Cropped {
  volume: Volume;
  /** x0, x1, y0, y1, z0, z1 in voxels of the volume, ends excluded; null if nothing was cropped. */
  box: number[] | null;
  /** What was found, for subjects.csv. */
  facts: Record<string, string>;
}

/** @param mask file of the region @throws Error if there is no such region: the volume is then quarantined */
export async function cropped(volume: Volume, recipe: Recipe, mask: string | null): Promise<Cropped> {
  const region = await regionOf(volume, recipe, mask);
  if (region === null) return { volume, box: null, facts: {} };
  const { volume: kept, record } = cropTo(volume, region.box, { margin: recipe.margin });
  const { start, end } = record.box;
  const box = [start[0], end[0], start[1], end[1], start[2], end[2]];
  return { volume: kept, box, facts: region.facts };
}

async function regionOf(
  volume: Volume,
  { crop, mask: masks }: Recipe,
  mask: string | null,
): Promise<{ box: Box; facts: Record<string, string> } | null> {
  if (masks !== null) {
    if (mask === null)
      throw new UnusableVolumeError("expected a mask of the same name, found none; add it, or leave --mask out");
    const region = await readMask(mask);
    return { box: maskBox(reorient(region, "LPS"), volume), facts: {} };
  }
  if (crop === "none") return null;
  if (crop === "body") {
    const body = findBody(volume);
    if (body.found) return { box: body.box, facts: {} };
    throw new UnusableVolumeError("expected a body to crop to, found nothing solid; leave --crop out");
  }
  const lungs = findLungs(volume);
  if (lungs.found) {
    const litres = (ml: number) => (ml / 1000).toFixed(2);
    return { box: lungs.box, facts: { lung_litres: litres(lungs.totalMl), lung_flags: lungs.flags.join(" ") } };
  }
  const foundText =
    lungs.reason === "no-body" ? "nothing solid" : `${Math.round(lungs.totalMl)} ml that look like lung`;
  throw new UnusableVolumeError(
    `expected lungs to crop to, found ${foundText}; is it a chest CT in HU? Leave --crop out to keep it whole`,
  );
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
export function findMasks(folder: string, volumes: readonly Pick<SourceVolume, "id" | "path">[]): Map<string, string> {
  if (!existsSync(folder))
    throw new PrepareError(`${folder}: expected a folder of masks, but it does not exist`, "Check --mask.");
  const root = resolve(folder);
  const masks = new Map<string, string>();
  for (const { id, path } of volumes) {
    const bare = withoutExtension(path);
    const stems = [bare, basename(bare), id];
    const names = [path, ...stems.flatMap((stem) => ENDINGS.map((ending) => `${stem}.${ending}`))];
    const file = names.map((name) => join(root, name)).find((file) => isBelow(root, file) && existsSync(file));
    if (file !== undefined) masks.set(id, file);
  }
  if (masks.size > 0) return masks;
  const first = volumes[0] === undefined ? "" : `, such as ${withoutExtension(volumes[0].path)}.nii.gz`;
  throw new PrepareError(`${folder}: no mask has the name of a volume`, `Name them like the volumes${first}.`);
}

/** An id such as ../x must not reach outside the folder. */
function isBelow(root: string, file: string): boolean {
  const path = relative(root, file);
  return path !== "" && path !== ".." && !path.startsWith(`..${sep}`) && !isAbsolute(path);
}
