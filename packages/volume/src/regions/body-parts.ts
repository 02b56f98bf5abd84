import type { Triple, Volume } from "../volume.js";
import { connectedComponents } from "./components.js";
import { hullSpans, type RowSpans } from "./hull.js";
import { dilate, fillHolesInSlices, opening } from "./morphology.js";
import { NO_SIGNAL } from "./reduce.js";

/** A voxel above this is tissue: slightly below the midpoint of healthy lung (-850) and muscle (50). */
export const TISSUE_HU = -320;
/** mm: what is thinner than twice this (table tops, clothes, tubes) is not part of the trunk. */
const SHELL_MM = 5;
/**
 * Share of an air-filled space that must lie within the convex hull of the trunk: for a space enclosed by tissue, and
 * for one that is open to the border. Where the image cuts a lung, its wall is missing from the hull (shares of 0.19
 * and more were observed); mattresses and tables lie outside of the hull (at most 0.07).
 */
const WITHIN = 0.5;
const WITHIN_OPEN = 0.12;
/** Smallest mean HU of a space at the border that counts as lung, relative to outside air. */
const DENSER_THAN_AIR = 60;
const USUAL_AIR = -1000;
/** Upper limit for the HU of outside air. */
const THINNEST_LUNG = -940;

/** The parts of the body on a coarse LPS grid. */
export interface BodyParts {
  /** Tissue and everything it encloses. */
  body: Uint8Array;
  /** Air-filled spaces inside: lungs, airways, bowel gas. */
  inner: Uint8Array;
  /** Padding that reaches the border, where nothing was measured. */
  unseen: Uint8Array;
  /** HU of outside air in this scan. */
  airHu: number;
}

/**
 * The trunk is the largest piece of tissue that remains after morphological opening. In each axial slice, spaces
 * without tissue are inside where they lie within the convex hull of the trunk, and outside otherwise. So lungs that
 * the border of the image cuts are included, hollows of the table are not, and a hole in the body wall does no harm.
 * @returns null where there is no trunk
 */
export function bodyParts(scan: Volume & { data: Int16Array }): BodyParts | null {
  const { data: hu, shape } = scan;
  const tissue = new Uint8Array(hu.length);
  for (let i = 0; i < hu.length; i++) tissue[i] = (hu[i] as number) > TISSUE_HU ? 1 : 0;
  // At least one voxel; otherwise the opening would do nothing on coarse grids.
  const radius = Math.max(SHELL_MM, scan.spacing[0] * 1.01, scan.spacing[1] * 1.01);
  const solid = opening(tissue, scan, radius);
  const pieces = connectedComponents(solid, shape, 6);
  if (pieces.count === 0) return null;
  const trunk = pieces.select((k) => k === pieces.largest);
  const spans = slicesOf(trunk, shape).map((slice) => hullSpans(slice, shape[0], shape[1]));
  const unseen = unseenVoxels(hu, shape);
  const airHu = outsideAir(hu, shape, spans, unseen);
  const inner = innerSpaces(hu, tissue, unseen, shape, spans, airHu);
  const near = dilate(trunk, scan, radius);
  for (let i = 0; i < near.length; i++)
    near[i] = (near[i] === 1 && tissue[i] === 1) || inner[i] === 1 ? 1 : 0;
  // The body is solid now, so a second opening removes what touches the skin: folds of sheets, the edge of a table.
  return { body: opening(fillHolesInSlices(near, scan), scan, radius), inner, unseen, airHu };
}

function slicesOf(mask: Uint8Array, [nx, ny, nz]: Triple): Uint8Array[] {
  return Array.from({ length: nz }, (_, z) => mask.subarray(z * nx * ny, (z + 1) * nx * ny));
}

/** Padding that reaches the border of its slice. */
function unseenVoxels(hu: Int16Array, shape: Triple): Uint8Array {
  const unseen = new Uint8Array(hu.length);
  for (let i = 0; i < hu.length; i++) unseen[i] = (hu[i] as number) <= NO_SIGNAL + 4 ? 1 : 0;
  const [nx, ny] = shape;
  const result = new Uint8Array(hu.length);
  slicesOf(unseen, shape).forEach((slice, z) => {
    const pieces = connectedComponents(slice, [nx, ny, 1], 6);
    if (pieces.count === 0) return;
    const atBorder = pieces.select((k) => {
      const { start, end } = pieces.box(k);
      return start[0] === 0 || start[1] === 0 || end[0] === nx || end[1] === ny;
    });
    result.set(atBorder, z * nx * ny);
  });
  return result;
}

/** The most frequent HU of air outside of the hull. */
function outsideAir(hu: Int16Array, [nx, ny]: Triple, spans: RowSpans[], unseen: Uint8Array): number {
  const histogram = new Float64Array(THINNEST_LUNG - NO_SIGNAL);
  spans.forEach(({ first, last }, z) => {
    for (let y = 0; y < ny; y++) {
      for (let x = 0, i = nx * (y + ny * z); x < nx; x++, i++) {
        const bin = (hu[i] as number) - NO_SIGNAL;
        if (bin >= histogram.length || unseen[i] === 1) continue;
        if (x >= (first[y] as number) && x <= (last[y] as number)) continue;
        histogram[bin] = (histogram[bin] as number) + 1;
      }
    }
  });
  const smooth = Array.from(histogram, (_, i) =>
    histogram.slice(Math.max(0, i - 4), i + 5).reduce((a, b) => a + b, 0),
  );
  const peak = smooth.indexOf(Math.max(...smooth));
  // A peak at the upper end belongs to the lungs: the image shows no outside air.
  return (smooth[peak] as number) < 500 || peak > histogram.length - 10 ? USUAL_AIR : NO_SIGNAL + peak;
}

function innerSpaces(
  hu: Int16Array,
  tissue: Uint8Array,
  unseen: Uint8Array,
  shape: Triple,
  spans: RowSpans[],
  airHu: number,
): Uint8Array {
  const [nx, ny] = shape;
  const inner = new Uint8Array(hu.length);
  const empty = new Uint8Array(nx * ny);
  spans.forEach((span, z) => {
    const first = z * nx * ny;
    for (let i = 0; i < empty.length; i++)
      empty[i] = tissue[first + i] === 0 && unseen[first + i] === 0 ? 1 : 0;
    const spaces = connectedComponents(empty, [nx, ny, 1], 6);
    const within = new Float64Array(spaces.count);
    const sum = new Float64Array(spaces.count);
    const open = new Uint8Array(spaces.count);
    spaces.forEachRun((k, start, length) => {
      const y = Math.floor(start / nx);
      const x = start - y * nx;
      const covered =
        Math.min(x + length - 1, span.last[y] as number) - Math.max(x, span.first[y] as number) + 1;
      within[k] = (within[k] as number) + Math.max(0, covered);
      for (let i = start; i < start + length; i++) sum[k] = (sum[k] as number) + (hu[first + i] as number);
      if (atEdge(unseen, first, x, length, y, nx, ny)) open[k] = 1;
    });
    const kept = spaces.select((k) => {
      const size = spaces.size[k] as number;
      if (open[k] === 0) return (within[k] as number) >= WITHIN * size;
      return (
        (within[k] as number) >= WITHIN_OPEN * size && (sum[k] as number) > (airHu + DENSER_THAN_AIR) * size
      );
    });
    inner.set(kept, first);
  });
  return inner;
}

/** Whether a run of a slice lies at the slice's border or beside padding. */
function atEdge(
  unseen: Uint8Array,
  first: number,
  x: number,
  length: number,
  y: number,
  nx: number,
  ny: number,
): boolean {
  if (x === 0 || x + length === nx || y === 0 || y === ny - 1) return true;
  const at = first + y * nx + x;
  if (unseen[at - 1] === 1 || unseen[at + length] === 1) return true;
  for (let i = at; i < at + length; i++) if (unseen[i - nx] === 1 || unseen[i + nx] === 1) return true;
  return false;
}
