import type { Volume } from "../volume.js";
import { bodyParts } from "./body-parts.js";
import { boxOf, type Box } from "./box.js";
import { expandLabels, reduceScan } from "./reduce.js";

export interface BodyFound {
  found: true;
  /** 1 inside the skin, 0 elsewhere; on the grid of the scan. */
  mask: Volume;
  box: Box;
}

/** `no-body`: the scan shows nothing solid. */
export interface BodyMissing {
  found: false;
}

/**
 * Finds the patient without table, clothes and the air around: the largest solid object and the spaces it encloses.
 * Arms that are separate from the trunk are left out. It handles any orientation, padding, and reconstruction circles
 * that cut the patient.
 * @throws VolumeArgumentError an invalid volume   @throws RegionError its values are not HU
 */
export function findBody(volume: Volume): BodyFound | BodyMissing {
  const reduced = reduceScan(volume);
  const parts = bodyParts(reduced.scan);
  if (parts === null) return { found: false };
  const mask = expandLabels(parts.body, 1, reduced, volume);
  const box = boxOf(mask.data as Uint8Array, mask.shape);
  return box === null ? { found: false } : { found: true, mask, box };
}
