import type { Triple, Volume } from "../volume.js";
import { boxOf } from "./box.js";
import { connectedComponents } from "./components.js";
import { dilate } from "./morphology.js";

const BONE_HU = 200;
/** mm up and down within which a rib is met: ribs are 20 to 30 mm apart. */
const RIB_PITCH = 13;
/** mm of tissue between aired lung and rib: less is the chest's wall, more is no lung either. */
const DENSE = [14, 100] as const;
/** Fat is outside of the lung and of an effusion. */
const FAT_HU = -60;
/** cm² that the dense border must have, seen along the ray. */
const SMALLEST = 8;

/** Rays from the lungs' outer surface: to the back, to the right, to the left. */
const RAYS = [
  { axis: 1, step: 1 },
  { axis: 0, step: -1 },
  { axis: 0, step: 1 },
] as const;
type Ray = (typeof RAYS)[number];

/** What was added to the lungs. */
export interface DenseBorder {
  voxels: number;
  /** The lowest slice that holds some; Infinity where nothing was added. */
  lowest: number;
}

/**
 * Adds consolidated lung and fluid that lie between aired lung and the ribs. No closing does this, because what is
 * missing lies outside of the convex hull. A ray goes outward from the last aired voxel, to the back or to a side. Where
 * it passes 14 to 100 mm of tissue before it meets a rib, and its neighbours do too (8 cm²), that tissue is inside the
 * rib cage: it takes the label of the lung that the ray came from.
 * @param labels 0 outside, RIGHT, LEFT, on an LPS grid; written in place where `body` is 1
 */
export function addDenseBorder(scan: Volume & { data: Int16Array }, labels: Uint8Array, body: Uint8Array): DenseBorder {
  const aired = labels.slice();
  const bone = bonesNear(scan);
  const added: DenseBorder = { voxels: 0, lowest: Infinity };
  for (const ray of RAYS) addAlong(scan, aired, labels, body, bone, ray, added);
  return added;
}

/** Bone, smeared along z so that every level meets the rib above or below it. */
function bonesNear({ data: hu, shape, spacing }: Volume & { data: Int16Array }): Uint8Array {
  const bone = new Uint8Array(hu.length);
  for (let i = 0; i < hu.length; i++) bone[i] = (hu[i] as number) > BONE_HU ? 1 : 0;
  return dilate(bone, { shape, spacing: [1e6, 1e6, spacing[2]] }, RIB_PITCH);
}

function addAlong(
  { data: hu, shape, spacing }: Volume & { data: Int16Array },
  aired: Uint8Array,
  labels: Uint8Array,
  body: Uint8Array,
  bone: Uint8Array,
  { axis, step }: Ray,
  added: DenseBorder,
): void {
  const box = boxOf(aired, shape);
  if (box === null) return;
  const across = axis === 1 ? 0 : 1;
  const strides: Triple = [1, shape[0], shape[0] * shape[1]];
  const width = shape[across];
  const [low, high] = [box.start[axis], box.end[axis] - 1];
  // For each ray, seen end on: the last aired voxel and the number of dense ones behind it.
  const from = new Int32Array(width * shape[2]);
  const count = new Uint16Array(from.length);
  for (let z = box.start[2]; z < box.end[2]; z++) {
    for (let a = box.start[across]; a < box.end[across]; a++) {
      const line = a * strides[across] + z * strides[2];
      let last = step > 0 ? high : low;
      while (last >= low && last <= high && aired[line + last * strides[axis]] === 0) last -= step;
      if (last < low || last > high) continue;
      let at = last + step;
      for (; at >= 0 && at < shape[axis]; at += step) {
        const i = line + at * strides[axis];
        if (body[i] === 0 || bone[i] === 1 || (hu[i] as number) <= FAT_HU) break;
      }
      const steps = Math.abs(at - last) - 1;
      const atRib = at >= 0 && at < shape[axis] && bone[line + at * strides[axis]] === 1;
      if (!atRib || steps * spacing[axis] < DENSE[0] || steps * spacing[axis] > DENSE[1]) continue;
      from[a + width * z] = line + last * strides[axis];
      count[a + width * z] = steps;
    }
  }
  const patches = connectedComponents(
    Uint8Array.from(count, (n) => Math.min(1, n)),
    [width, shape[2], 1],
    6,
  );
  const smallest = (SMALLEST * 100) / (spacing[across] * spacing[2]);
  patches.forEachRun((k, start, length) => {
    if ((patches.size[k] as number) < smallest) return;
    added.lowest = Math.min(added.lowest, Math.floor(start / width));
    for (let ray = start; ray < start + length; ray++) {
      const first = from[ray] as number;
      for (let n = 1; n <= (count[ray] as number); n++) {
        const i = first + n * step * strides[axis];
        if (labels[i] === 0) added.voxels++;
        labels[i] = labels[i] === 0 ? (aired[first] as number) : (labels[i] as number);
      }
    }
  });
}
