import type { Triple, Volume } from "../volume.js";
import { bodyMiddle } from "./body-middle.js";
import { boxOf, type Box } from "./box.js";
import { connectedComponents } from "./components.js";
import { LEFT, RIGHT } from "./lung-markers.js";
import { dilate } from "./morphology.js";

const BONE_HU = 200;
/** mm up and down within which a ray finds a rib: ribs are 20 to 30 mm apart. */
const RIB_PITCH = 13;
/** mm of tissue between aerated lung and rib: less is the chest wall, and more is not lung. */
const DENSE = [14, 100] as const;
/**
 * Fat lies outside of the lung and of an effusion; the density of collapsed lung may be below that of fat, but hardly
 * equal to it.
 */
const FAT_HU = [-130, -60] as const;
/**
 * Rays go to the sides only where the lungs have this share of their largest cross-section: further down lie liver and
 * spleen.
 */
const WIDE = 0.4;
/** Smallest area of the dense border in cm², seen along the ray. */
const SMALLEST = 8;
/**
 * mm to either side of the middle of the body where no ray goes back: there the spine lies behind heart and great
 * vessels.
 */
const SPINE = 28;

/**
 * Rays start at the outer surface of the lungs: from both lungs to the back, from the right lung to the right, from the
 * left lung to the left.
 */
const RAYS = [
  { axis: 1, step: 1, from: [RIGHT, LEFT] },
  { axis: 0, step: -1, from: [RIGHT] },
  { axis: 0, step: 1, from: [LEFT] },
] as const;
type Ray = (typeof RAYS)[number];

/** What was added to the lungs. */
export interface DenseBorder {
  voxels: number;
  /** The lowest slice with added tissue at the back; Infinity where there is none. */
  lowest: number;
}

/** What rays pass through, all on the same LPS grid. */
interface Chest {
  scan: Volume & { data: Int16Array };
  /** Labels of aerated lung. */
  aired: Uint8Array;
  /** Where rays may continue. */
  body: Uint8Array;
  bone: Uint8Array;
  /** Box of the aerated lung. */
  box: Box;
  /** The middle of the body along x, in voxels. */
  middle: number;
  /** The slices in which the lungs are wide. */
  wide: boolean[];
}

/**
 * Adds consolidated lung and fluid between aerated lung and the ribs. Morphological closing cannot do this, because the
 * missing tissue lies outside of the convex hull. A ray goes outward from the last aerated voxel, to the back or to a
 * side. Where it passes 14 to 100 mm of tissue before it reaches a rib, and so do its neighbours (8 cm²), that tissue
 * is inside the rib cage: it gets the label of the lung from which the ray starts.
 * @param labels 0 outside, RIGHT, LEFT, on an LPS grid; written in place where `body` is 1
 */
export function addDenseBorder(
  scan: Volume & { data: Int16Array },
  labels: Uint8Array,
  body: Uint8Array,
): DenseBorder {
  const added: DenseBorder = { voxels: 0, lowest: Infinity };
  const aired = labels.slice();
  const box = boxOf(aired, scan.shape);
  if (box === null) return added;
  const middle = bodyMiddle(body, scan.shape, box.start[2], box.end[2]);
  const chest = {
    scan,
    aired,
    body,
    bone: bonesNear(scan),
    box,
    middle,
    wide: wideSlices(aired, scan.shape),
  };
  for (const ray of RAYS) addAlong(chest, ray, labels, added);
  return added;
}

function wideSlices(aired: Uint8Array, [nx, ny, nz]: Triple): boolean[] {
  const area = Array.from({ length: nz }, (_, z) => {
    let voxels = 0;
    for (let i = z * nx * ny; i < (z + 1) * nx * ny; i++) if (aired[i] !== 0) voxels++;
    return voxels;
  });
  return area.map((voxels) => voxels >= WIDE * Math.max(...area));
}

/** Bone, dilated along z so that every level finds the rib above or below it. */
function bonesNear({ data: hu, shape, spacing }: Volume & { data: Int16Array }): Uint8Array {
  const bone = new Uint8Array(hu.length);
  for (let i = 0; i < hu.length; i++) bone[i] = (hu[i] as number) > BONE_HU ? 1 : 0;
  return dilate(bone, { shape, spacing: [1e6, 1e6, spacing[2]] }, RIB_PITCH);
}

/** Adds the patches of rays in one direction. */
function addAlong(chest: Chest, ray: Ray, labels: Uint8Array, added: DenseBorder): void {
  const { aired, box, scan } = chest;
  const { shape, spacing } = scan;
  const across = ray.axis === 1 ? 0 : 1;
  const strides: Triple = [1, shape[0], shape[0] * shape[1]];
  const width = shape[across];
  // A projection along the rays: the last aerated voxel of each, and the number of dense voxels behind it.
  const from = new Int32Array(width * shape[2]);
  const count = new Uint16Array(from.length);
  for (let z = box.start[2]; z < box.end[2]; z++) {
    for (let a = box.start[across]; a < box.end[across]; a++) {
      const starts =
        ray.axis === 1 ? Math.abs(a - chest.middle) * spacing[0] > SPINE : chest.wide[z] === true;
      if (!starts) continue;
      const line = a * strides[across] + z * strides[2];
      const last = lastAired(chest, ray, line, strides[ray.axis]);
      if (last < 0) continue;
      from[a + width * z] = line + last * strides[ray.axis];
      count[a + width * z] = denseSteps(chest, ray, line, strides[ray.axis], last);
    }
  }
  const isDense = Uint8Array.from(count, (n) => Math.min(1, n));
  const patches = connectedComponents(isDense, [width, shape[2], 1], 6);
  const smallest = (SMALLEST * 100) / (spacing[across] * spacing[2]);
  patches.forEachRun((patch, start, length) => {
    if ((patches.size[patch] as number) < smallest) return;
    if (ray.axis === 1) added.lowest = Math.min(added.lowest, Math.floor(start / width));
    for (let k = start; k < start + length; k++) {
      const first = from[k] as number;
      for (let n = 1; n <= (count[k] as number); n++) {
        const i = first + n * ray.step * strides[ray.axis];
        if (labels[i] !== 0) continue;
        labels[i] = aired[first] as number;
        added.voxels++;
      }
    }
  });
}

/** Where the aerated lung ends along a ray; -1 where there is no lung, or one from which this ray does not start. */
function lastAired({ aired, box }: Chest, { axis, step, from }: Ray, line: number, stride: number): number {
  const [low, high] = [box.start[axis], box.end[axis] - 1];
  for (let at = step > 0 ? high : low; at >= low && at <= high; at -= step) {
    const label = aired[line + at * stride] as number;
    if (label !== 0) return (from as readonly number[]).includes(label) ? at : -1;
  }
  return -1;
}

/**
 * Number of dense voxels between the last aerated one and a rib; 0 where the ray reaches no rib, or one that is too
 * near or too far.
 */
function denseSteps(chest: Chest, { axis, step }: Ray, line: number, stride: number, last: number): number {
  const { data: hu, shape, spacing } = chest.scan;
  let at = last + step;
  for (; at >= 0 && at < shape[axis]; at += step) {
    const i = line + at * stride;
    const isFat = (hu[i] as number) > FAT_HU[0] && (hu[i] as number) <= FAT_HU[1];
    if (chest.body[i] === 0 || chest.bone[i] === 1 || isFat) break;
  }
  const atRib = at >= 0 && at < shape[axis] && chest.bone[line + at * stride] === 1;
  const steps = Math.abs(at - last) - 1;
  const mm = steps * spacing[axis];
  return atRib && mm >= DENSE[0] && mm <= DENSE[1] ? steps : 0;
}
