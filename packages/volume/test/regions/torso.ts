import type { Triple, Volume } from "../../src/index.js";
import { seeded } from "../fixtures.js";

/** The shape of the torso, and how it is scanned. Lengths in mm, LPS; 0, 0, 0 is the middle of the chest. */
export interface TorsoOptions {
  spacing?: Triple;
  /** Half extents of the field of view. */
  view?: Triple;
  /** Middle of the field of view. */
  centre?: Triple;
  lungHu?: number;
  lungs?: boolean;
  /** Tissue between the lungs, in front; at 0 they touch. */
  septum?: number;
  /** mm of dense tissue at the back of both lungs. */
  dense?: number;
  /** Both lungs are dense below this height. */
  denseBelow?: number;
  /** Lungs without air. */
  white?: "right" | "left";
  stomachGas?: boolean;
  arms?: boolean;
  table?: boolean;
  /** Value outside of a circle of this radius about the middle of the view. */
  padding?: number;
  circle?: number;
  noise?: number;
  /** Added to every value, like the offset of a badly calibrated scanner. */
  offset?: number;
}

export interface Torso {
  volume: Volume;
  /** 0, 1 right, 2 left: the drawn ellipsoids with their dense parts, without the windpipe. */
  lungs: Uint8Array;
  /** 1 from skin to skin. */
  body: Uint8Array;
}

const inside = (x: number, y: number, z: number, c: Triple, r: Triple) =>
  ((x - c[0]) / r[0]) ** 2 + ((y - c[1]) / r[1]) ** 2 + ((z - c[2]) / r[2]) ** 2 < 1;

/** Half axes of the inside of the rib cage. */
const CAGE: Triple = [134, 88, 132];

/** A chest: skin, fat, muscle, ribs, spine, heart, lungs with vessels over a domed diaphragm, windpipe; table, mattress, gown. */
export function torso(options: TorsoOptions = {}): Torso {
  const { spacing = [4, 4, 6], view = [200, 150, 150], centre = [0, 0, 0], noise = 15, offset = 0 } = options;
  const shape = view.map((half, axis) => Math.round((2 * half) / (spacing[axis] as number))) as Triple;
  const origin = centre.map(
    (at, axis) => at - ((shape[axis] as number) - 1) * (spacing[axis] as number) * 0.5,
  ) as Triple;
  const count = shape[0] * shape[1] * shape[2];
  const data = new Int16Array(count);
  const lungs = new Uint8Array(count);
  const body = new Uint8Array(count);
  const random = seeded(9);
  for (let k = 0, i = 0; k < shape[2]; k++) {
    for (let j = 0; j < shape[1]; j++) {
      for (let l = 0; l < shape[0]; l++, i++) {
        const x = origin[0] + l * spacing[0];
        const y = origin[1] + j * spacing[1];
        const z = origin[2] + k * spacing[2];
        const air = isWindpipe(x, y, z);
        lungs[i] = air ? 0 : lungAt(x, y, z, options);
        body[i] = isBody(x, y) ? 1 : 0;
        const grain = noise * (random() + random() + random() - 1.5) * 2;
        const value = huAt(x, y, z, body[i] === 1, lungs[i] as number, air, options) + grain + offset;
        const seen = Math.hypot(x - centre[0], y - centre[1]) <= (options.circle ?? Infinity);
        data[i] = Math.round(seen ? value : (options.padding ?? -1024));
      }
    }
  }
  const volume: Volume = { data, shape, spacing, origin, direction: [1, 0, 0, 0, 1, 0, 0, 0, 1], unit: "HU" };
  return { volume, lungs, body };
}

const isBody = (x: number, y: number) => inside(x, y, 0, [0, 0, 0], [160, 110, 1]);
const isWindpipe = (x: number, y: number, z: number) => z > 10 && Math.hypot(x - 2, y - 5) < 8;

function lungAt(x: number, y: number, z: number, { lungs = true, septum = 8 }: TorsoOptions): number {
  if (!lungs || !inside(x, y, z, [0, 0, 0], CAGE)) return 0;
  if (inside(x, y, z, [24, -25, -30], [60, 48, 62]) || Math.hypot(x, y - 70) < 36) return 0; // heart, spine
  // Between the lungs: wide behind, `septum` mm in front of the great vessels.
  if (Math.abs(x - 2) < (y < -30 ? septum / 2 : 26)) return 0;
  const side = x < 2 ? -68 : 70;
  const dome = -25 - 85 * (((x - side) / 62) ** 2 + (y / 80) ** 2);
  if (z < dome) return 0;
  return x < 2 ? 1 : 2;
}

function huAt(
  x: number,
  y: number,
  z: number,
  inBody: boolean,
  lung: number,
  air: boolean,
  o: TorsoOptions,
): number {
  if (!inBody) return outsideHu(x, y, o);
  if (air) return -990;
  if (lung !== 0) return lungHuAt(x, y, z, lung, o);
  if (o.stomachGas === true && inside(x, y, z, [62, -20, -75], [38, 25, 26])) return -985;
  const rim = Math.hypot(x / 160, y / 110);
  if (rim > 0.93) return rim > 0.985 ? 20 : -100;
  if (inside(x, y, z, [0, 0, 0], [145, 99, 143]) && !inside(x, y, z, [0, 0, 0], [136, 90, 134])) {
    if (((z % 25) + 25) % 25 < 11) return 500;
  }
  if (Math.hypot(x, y - 74) < 20) return 300;
  return 45;
}

function lungHuAt(x: number, y: number, z: number, lung: number, o: TorsoOptions): number {
  const back = CAGE[1] * Math.sqrt(Math.max(0, 1 - (z / CAGE[2]) ** 2 - (x / CAGE[0]) ** 2));
  const isDense = (o.dense !== undefined && y > back - o.dense) || z < (o.denseBelow ?? -Infinity);
  if (isDense || (o.white === "right" && lung === 1) || (o.white === "left" && lung === 2)) return 25;
  const isVessel = Math.hypot(((x + 200) % 24) - 12, ((z + 200) % 20) - 10) < 2;
  return isVessel ? 40 : (o.lungHu ?? -850);
}

function outsideHu(x: number, y: number, { arms = false, table = true }: TorsoOptions): number {
  if (arms && (Math.hypot(x - 182, y - 20) < 14 || Math.hypot(x + 182, y - 20) < 14)) return 50;
  if (!table) return -1000;
  if (y > 111 && y < 122 && Math.abs(x) < 150) return -850; // mattress: as dense as lung
  if (Math.abs(x) < 190 && ((y >= 122 && y < 126) || (y >= 140 && y < 143))) return 120;
  if (Math.abs(Math.abs(x) - 188) < 2 && y >= 122 && y < 143) return 120; // the hollow is closed
  return Math.hypot(x / 172, y / 124) > 0.985 && Math.hypot(x / 172, y / 124) < 1 ? -250 : -1000; // a gown
}

export interface Overlap {
  dice: number;
  /** Share of the truth inside the box, enlarged by `margin` mm. */
  held: (box: { start: Triple; end: Triple }, margin: number) => number;
}

/** Agreement of a mask with the truth on the same grid, label by label. */
export function overlap(
  found: ArrayLike<number>,
  truth: ArrayLike<number>,
  { shape, spacing }: Volume,
): Overlap {
  let [both, sum] = [0, 0];
  for (let i = 0; i < truth.length; i++) {
    if (truth[i] !== 0 && truth[i] === found[i]) both++;
    sum += (truth[i] !== 0 ? 1 : 0) + (found[i] !== 0 ? 1 : 0);
  }
  const held: Overlap["held"] = ({ start, end }, margin) => {
    const room = spacing.map((size) => Math.ceil(margin / size - 1e-4)) as Triple;
    const within = (axis: 0 | 1 | 2, at: number) =>
      at >= start[axis] - room[axis] && at < end[axis] + room[axis];
    let [all, kept] = [0, 0];
    for (let z = 0, i = 0; z < shape[2]; z++) {
      for (let y = 0; y < shape[1]; y++) {
        const row = within(2, z) && within(1, y);
        for (let x = 0; x < shape[0]; x++, i++) {
          if (truth[i] === 0) continue;
          all++;
          if (row && within(0, x)) kept++;
        }
      }
    }
    return kept / all;
  };
  return { dice: (2 * both) / sum, held };
}
