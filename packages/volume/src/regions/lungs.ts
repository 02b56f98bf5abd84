import type { Volume } from "../volume.js";
import { bodyParts } from "./body-parts.js";
import { boxOf, unionBox, type Box } from "./box.js";
import { voxelMl } from "./grid.js";
import { flagsOf, measureLungs, type LungFlag } from "./lung-facts.js";
import { widenedBox } from "./lung-box.js";
import { labelLungs } from "./lung-labels.js";
import { LEFT, RIGHT } from "./lung-markers.js";
import { expandBox, expandLabels, reduceScan } from "./reduce.js";

/** ml; less than this is not a pair of lungs, nor a part of one worth cropping to. */
const SMALLEST_ML = 100;
/** ml of dense border from which it is flagged. */
const DENSE_ML = 20;

export interface LungsFound {
  found: true;
  /**
   * 0 outside, 1 right lung, 2 left lung (the patient's right and left); on the grid of the scan. Includes aerated lung
   * and dense tissue between it and the ribs, closed by 14 mm, without the windpipe.
   */
  mask: Volume;
  rightMl: number;
  leftMl: number;
  totalMl: number;
  /**
   * Box in voxels of the scan: that of the mask, widened where lung without air seems to be missing (flag `widened`).
   * It has no margin.
   */
  box: Box;
  flags: LungFlag[];
  /** True for two complete lungs of 1.5 to 9 litres together, of which nothing seems to be missing. */
  complete: boolean;
}

export interface LungsMissing {
  found: false;
  /**
   * `no-body`: nothing is solid; `no-lung`: no air-filled space inside the body resembles lung; `too-little`: less than
   * 100 ml does.
   */
  reason: "no-body" | "no-lung" | "too-little";
  /** Volume in ml that resembles lung. */
  totalMl: number;
}

export type Lungs = LungsFound | LungsMissing;

/**
 * Finds the lungs of a CT scan by thresholding, connected components and morphology, on a grid of about 2 mm
 * (docs/explanation/lung-crop.md). It handles any orientation; the result is on the grid of the scan. Memory: one byte
 * per voxel for the mask, and about 30 bytes per voxel of the coarse grid.
 * @throws VolumeArgumentError an invalid volume   @throws RegionError its values are not HU
 */
export function findLungs(volume: Volume): Lungs {
  const reduced = reduceScan(volume);
  const { scan } = reduced;
  const body = bodyParts(scan);
  if (body === null) return { found: false, reason: "no-body", totalMl: 0 };
  const lungs = labelLungs(scan, body);
  if (lungs === null) return { found: false, reason: "no-lung", totalMl: 0 };
  const facts = measureLungs(scan, lungs.labels, body.unseen);
  if (facts.rightMl + facts.leftMl < SMALLEST_ML) {
    return { found: false, reason: "too-little", totalMl: facts.rightMl + facts.leftMl };
  }
  const mask = expandLabels(lungs.labels, 2, reduced, volume);
  const tight = boxOf(mask.data as Uint8Array, mask.shape);
  // Sheets of one coarse voxel do not survive the interpolation.
  if (tight === null) return { found: false, reason: "too-little", totalMl: 0 };
  const wide = widenedBox(scan, lungs.labels, body.body, lungs.dense, facts);
  const denseMl = lungs.dense.voxels * voxelMl(scan);
  const flags = flagsOf(facts, { joined: lungs.joined, dense: denseMl >= DENSE_ML, widened: wide !== null });
  const [rightMl, leftMl] = volumesOf(mask);
  return {
    found: true,
    mask,
    rightMl,
    leftMl,
    totalMl: rightMl + leftMl,
    box: wide === null ? tight : unionBox(tight, expandBox(wide, reduced, volume)),
    flags,
    complete: flags.every((flag) => flag === "joined" || flag === "dense-border" || flag === "unequal"),
  };
}

function volumesOf(mask: Volume): [right: number, left: number] {
  const labels = mask.data as Uint8Array;
  let [right, left] = [0, 0];
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === RIGHT) right++;
    else if (labels[i] === LEFT) left++;
  }
  return [right * voxelMl(mask), left * voxelMl(mask)];
}
