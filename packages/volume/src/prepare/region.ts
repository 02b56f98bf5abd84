/** Crops a volume to the lungs, to the body, or to the box of a mask. */
import { findBody } from "../regions/body.js";
import type { Box } from "../regions/box.js";
import { cropTo } from "../regions/crop.js";
import { findLungs } from "../regions/lungs.js";
import { maskBox } from "../regions/mask-box.js";
import { reorient } from "../geometry.js";
import type { Volume } from "../volume.js";
import type { PrepareRecipe } from "./recipe.js";
import { UnusableVolumeError } from "./unusable.js";

export interface Cropped {
  volume: Volume;
  /** x0, x1, y0, y1, z0, z1 in voxels of the volume, ends excluded; null if nothing was cropped. */
  box: number[] | null;
  /** What was found: the volume of the lungs in litres, and what is odd about them. */
  facts: Record<string, string>;
}

/** @param mask the region, in the space of the volume; null to crop by the recipe  @throws UnusableVolumeError if there is no such region */
export function cropped(volume: Volume, recipe: PrepareRecipe, mask: Volume | null): Cropped {
  const region =
    mask === null ? regionOf(volume, recipe) : { box: maskBox(reorient(mask, "LPS"), volume), facts: {} };
  if (region === null) return { volume, box: null, facts: {} };
  const { volume: kept, record } = cropTo(volume, region.box, { margin: recipe.margin });
  const { start, end } = record.box;
  const box = [start[0], end[0], start[1], end[1], start[2], end[2]];
  return { volume: kept, box, facts: region.facts };
}

function regionOf(
  volume: Volume,
  { crop }: PrepareRecipe,
): { box: Box; facts: Record<string, string> } | null {
  if (crop === "none") return null;
  if (crop === "body") {
    const body = findBody(volume);
    if (body.found) return { box: body.box, facts: {} };
    throw new UnusableVolumeError("expected a body to crop to, found nothing solid; leave --crop out");
  }
  const lungs = findLungs(volume);
  if (lungs.found) {
    const litres = (ml: number) => (ml / 1000).toFixed(2);
    return {
      box: lungs.box,
      facts: { lung_litres: litres(lungs.totalMl), lung_flags: lungs.flags.join(" ") },
    };
  }
  const foundText =
    lungs.reason === "no-body" ? "nothing solid" : `${Math.round(lungs.totalMl)} ml that look like lung`;
  throw new UnusableVolumeError(
    `expected lungs to crop to, found ${foundText}; is it a chest CT in HU? Leave --crop out to keep it whole`,
  );
}
