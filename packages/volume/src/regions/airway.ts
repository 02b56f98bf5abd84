import type { Triple, Volume } from "../volume.js";
import { TISSUE_HU } from "./body-parts.js";
import { connectedComponents, type Components } from "./components.js";
import { dilate } from "./morphology.js";

/** Largest mean HU of the inside of a windpipe, relative to outside air. */
const LUMEN_ABOVE_AIR = 70;
/** mm²: cross-sections of a windpipe or main bronchus; the carina is the widest. */
const AREA = [25, 1100] as const;
/** Share of the ring around a cross-section that must be tissue; the rest may be lung that touches the windpipe. */
const WALL = 0.65;
/** mm along z; shorter pieces of gas are not tubes. */
const LENGTH = 25;
/** mm by which the lumen is dilated to include its edge. */
const EDGE_MM = 3;

/**
 * Finds windpipe, main bronchi and other tubes of gas with a wall: pieces of gas in axial slices that have the area of
 * an airway, are surrounded by tissue, and continue over LENGTH mm. Gas inside aerated lung is not surrounded by
 * tissue, so the search ends where bronchi enter the lungs.
 * @param inner air-filled spaces inside the body   @returns 1 where `inner` is airway
 */
export function findAirway(
  scan: Volume & { data: Int16Array },
  inner: Uint8Array,
  airHu: number,
): Uint8Array {
  const { data: hu, shape, spacing } = scan;
  const [nx, ny, nz] = shape;
  const sections = new Uint8Array(hu.length);
  const gas = new Uint8Array(nx * ny);
  for (let z = 0; z < nz; z++) {
    const first = z * nx * ny;
    for (let i = 0; i < gas.length; i++) {
      gas[i] = inner[first + i] === 1 && (hu[first + i] as number) < airHu + LUMEN_ABOVE_AIR ? 1 : 0;
    }
    const pieces = connectedComponents(gas, [nx, ny, 1], 6);
    const pixel = spacing[0] * spacing[1];
    const fits = Array.from(pieces.size, (size) => size * pixel >= AREA[0] && size * pixel <= AREA[1]);
    if (!fits.includes(true)) continue;
    const walled = wallShares(hu, first, gas, pieces, fits, shape).map((share) => share >= WALL);
    sections.set(
      pieces.select((k) => fits[k] === true && walled[k] === true),
      first,
    );
  }
  const tubes = connectedComponents(sections, shape, 26);
  const lumen = tubes.select((k) => {
    const { start, end } = tubes.box(k);
    return (end[2] - start[2]) * spacing[2] >= LENGTH;
  });
  const airway = dilate(lumen, scan, Math.max(EDGE_MM, spacing[0] * 1.01));
  for (let i = 0; i < airway.length; i++) airway[i] = (airway[i] as number) & (inner[i] as number);
  return airway;
}

/** Share of tissue among the pixels two steps outside each piece, along rows and columns. */
function wallShares(
  hu: Int16Array,
  first: number,
  gas: Uint8Array,
  pieces: Components,
  wanted: boolean[],
  [nx, ny]: Triple,
): number[] {
  const tissue = new Float64Array(pieces.count);
  const count = new Float64Array(pieces.count);
  const look = (k: number, x: number, y: number) => {
    if (x < 0 || y < 0 || x >= nx || y >= ny || gas[x + nx * y] === 1) return;
    if ((hu[first + x + nx * y] as number) > TISSUE_HU) tissue[k] = (tissue[k] as number) + 1;
    count[k] = (count[k] as number) + 1;
  };
  pieces.forEachRun((k, start, length) => {
    if (wanted[k] !== true) return;
    const y = Math.floor(start / nx);
    const x = start - y * nx;
    look(k, x - 2, y);
    look(k, x + length + 1, y);
    for (let i = x; i < x + length; i++) {
      if (y > 0 && gas[start + i - x - nx] === 0) look(k, i, y - 2);
      if (y < ny - 1 && gas[start + i - x + nx] === 0) look(k, i, y + 2);
    }
  });
  return Array.from(tissue, (n, k) => n / Math.max(1, count[k] as number));
}
