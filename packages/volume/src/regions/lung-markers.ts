import type { Triple, Volume } from "../volume.js";
import { unionBox, type Box } from "./box.js";
import { connectedComponents, type Components } from "./components.js";
import { voxelMl } from "./grid.js";
import { erode } from "./morphology.js";

export const RIGHT = 1;
export const LEFT = 2;
/** Gas and everything else that is not lung. */
export const OTHER = 3;

/** mm; spaces are eroded by this much to separate them, and by more where both lungs are still connected. */
const WEAR = [4, 7, 10, 14, 18] as const;
/**
 * A core whose mean HU, relative to outside air, is below the first number is free gas, unless it is larger than the
 * second number in ml.
 */
const GAS_ABOVE_AIR = 45;
const GAS_AT_MOST_ML = 700;
/** A small piece is gas where at least this share of it is nearly air, because its edge raises its mean. */
const SMALL_ML = 50;
const NEARLY_AIR = 35;
const NEARLY_AIR_SHARE = 0.05;
const SMALLEST_ML = 2;
/**
 * The core of the smaller lung has at least this share of the larger one's, and their middles are at least this many mm
 * apart.
 */
const LESSER = 0.1;
const APART_MM = 60;
/**
 * A space wider than any lung, with at least this share on either side of its middle, is both lungs and is divided
 * along the middle.
 */
const WIDER_THAN_A_LUNG_MM = 190;
const HALF = 0.25;

export interface LungMarkers {
  /** 0 unknown, RIGHT, LEFT, OTHER. */
  labels: Uint8Array;
  /** True where both lungs were one space. */
  joined: boolean;
}

interface Piece {
  component: number;
  ml: number;
  hu: number;
  /** Share of its voxels that are nearly air. */
  airy: number;
  /** Number of voxels. */
  middle: Triple;
  box: Box;
}

/**
 * Cores of the air-filled spaces, classified as right lung, left lung or other.
 * @param spaces air-filled spaces inside the body, without airways
 * @param middle the middle of the body along x, in voxels; decides the side of a single lung
 * @returns null where nothing resembles lung
 */
export function markLungs(
  scan: Volume & { data: Int16Array },
  spaces: Uint8Array,
  airHu: number,
  middle: number,
): LungMarkers | null {
  const worn = (radius: number) => piecesOf(scan, erode(spaces, scan, radius), airHu);
  const base = worn(WEAR[0]);
  const isGas = ({ hu, ml, airy }: Piece) =>
    (hu < airHu + GAS_ABOVE_AIR && ml < GAS_AT_MOST_ML) || (airy >= NEARLY_AIR_SHARE && ml < SMALL_ML);
  const lungLike = base.list.filter((piece) => !isGas(piece));
  if (lungLike.length === 0) return null;
  let cores = base;
  let pair = pairOf(scan, lungLike);
  for (const radius of WEAR.slice(1)) {
    if (pair.length === 2) break;
    const next = worn(radius);
    const found = pairOf(
      scan,
      next.list.filter((piece) => !isGas(piece)),
    );
    if (found.length === 2) [cores, pair] = [next, found];
  }
  const between = pair.length === 2 ? pair.reduce((sum, piece) => sum + piece.middle[0] / 2, 0) : middle;
  const sideOf = (piece: Piece) => (piece.middle[0] < between ? RIGHT : LEFT);
  const labels = new Uint8Array(spaces.length);
  cores.components.forEachRun((k, start, length) => {
    const piece = pair.find(({ component }) => component === k);
    if (piece !== undefined) labels.fill(sideOf(piece), start, start + length);
  });
  const halved = pair.length === 1 && cutInHalf(scan, labels, pair[0] as Piece);
  const { start, end } = pair.map(({ box }) => box).reduce(unionBox);
  const isAmong = ({ middle: at }: Piece) =>
    at.every((n, k) => n >= (start[k] as number) && n < (end[k] as number));
  labelOthers(base, labels, (piece) => (isGas(piece) || !isAmong(piece) ? OTHER : sideOf(piece)));
  return { labels, joined: halved || cores !== base };
}

/** Components of a mask with their properties, the largest first. */
function piecesOf(
  scan: Volume & { data: Int16Array },
  mask: Uint8Array,
  airHu: number,
): { components: Components; list: Piece[] } {
  const { data: hu, shape } = scan;
  const [nx, ny] = shape;
  const components = connectedComponents(mask, shape, 6);
  const sums = new Float64Array(components.count * 5);
  const add = (at: number, value: number) => (sums[at] = (sums[at] as number) + value);
  components.forEachRun((k, start, length) => {
    const row = Math.floor(start / nx);
    add(5 * k, (start - row * nx + (length - 1) / 2) * length);
    add(5 * k + 1, (row % ny) * length);
    add(5 * k + 2, Math.floor(row / ny) * length);
    for (let i = start; i < start + length; i++) {
      add(5 * k + 3, hu[i] as number);
      if ((hu[i] as number) < airHu + NEARLY_AIR) add(5 * k + 4, 1);
    }
  });
  const list = Array.from(components.size, (size, component) => {
    const [x = 0, y = 0, z = 0, mean = 0, airy = 0] = sums
      .subarray(5 * component, 5 * component + 5)
      .map((sum) => sum / size);
    return {
      component,
      ml: size * voxelMl(scan),
      hu: mean,
      airy,
      middle: [x, y, z] as Triple,
      box: components.box(component),
    };
  });
  return { components, list: list.filter(({ ml }) => ml >= SMALLEST_ML).sort((a, b) => b.ml - a.ml) };
}

/** The largest piece and the largest one beside it; only one piece where there is no second lung. */
function pairOf({ spacing }: Volume, pieces: Piece[]): Piece[] {
  const [first] = pieces;
  if (first === undefined) return [];
  const second = pieces.slice(1).find((piece) => {
    const [dx = 0, dy = 0, dz = 0] = piece.middle.map(
      (at, axis) => Math.abs(at - (first.middle[axis] as number)) * (spacing[axis] as number),
    );
    return piece.ml >= LESSER * first.ml && dx >= APART_MM && dx > dy && dx > dz;
  });
  return second === undefined ? [first] : [first, second];
}

/** Divides a piece that must be both lungs at the middle of its box. @returns whether it is such a piece */
function cutInHalf({ shape, spacing }: Volume, labels: Uint8Array, { box }: Piece): boolean {
  if ((box.end[0] - box.start[0]) * spacing[0] < WIDER_THAN_A_LUNG_MM) return false;
  const middle = (box.start[0] + box.end[0]) / 2;
  const isRight = (i: number) => (i % shape[0]) + 0.5 < middle;
  let [right, left] = [0, 0];
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === 0) continue;
    if (isRight(i)) right++;
    else left++;
  }
  if (Math.min(right, left) < HALF * (right + left)) return false;
  for (let i = 0; i < labels.length; i++) if (labels[i] !== 0) labels[i] = isRight(i) ? RIGHT : LEFT;
  return true;
}

/** Labels the pieces that have no core yet: lung where they lie among the cores and are not gas. */
function labelOthers(
  { components, list }: { components: Components; list: Piece[] },
  labels: Uint8Array,
  labelOf: (piece: Piece) => number,
): void {
  const taken = new Set<number>();
  components.forEachRun((k, start, length) => {
    for (let i = start; i < start + length; i++) if (labels[i] !== 0) taken.add(k);
  });
  const label = new Map<number, number>();
  for (const piece of list) if (!taken.has(piece.component)) label.set(piece.component, labelOf(piece));
  components.forEachRun((k, start, length) => {
    const value = label.get(k);
    if (value !== undefined) labels.fill(value, start, start + length);
  });
}
