import type { Volume } from "../volume.js";
import { bodyMiddle } from "./body-middle.js";
import { boxOf, type Box } from "./box.js";
import type { DenseBorder } from "./dense-border.js";
import { UNEQUAL, type LungFacts } from "./lung-facts.js";

/**
 * Lungs taper downward over 30 mm or more: at this distance in mm from the lower end, a cross-section above this share
 * of the largest one means that the lungs are cut.
 */
const TAPER = { share: 0.25, above: 12 } as const;
/** mm above the lowest slice within which a dense border counts as being at the base. */
const AT_BASE = 20;
/** mm by which the box is then extended downward. */
const BELOW = 40;

/**
 * The box of lungs of which a part without air may be missing: it reaches 40 mm lower where the border is dense at the
 * base, or where the lungs end there without tapering; and it includes its mirror image where one lung is missing or
 * smaller than 40 % of the other.
 * @param labels not 0 in the lungs, on an LPS grid   @returns the wider box; null where the box need not be widened
 */
export function widenedBox(
  scan: Volume,
  labels: Uint8Array,
  body: Uint8Array,
  dense: DenseBorder,
  { area, rightMl, leftMl }: LungFacts,
): Box | null {
  const box = boxOf(labels, scan.shape) as Box;
  const mm = scan.spacing[2];
  const wide: Box = { start: [...box.start], end: [...box.end] };
  const lowest = box.start[2];
  // Half the thickness of the lowest slice lies below its middle.
  const nearEnd = areaAt(area, lowest + Math.max(0, TAPER.above / mm - 0.5));
  const tapers = lowest === 0 || nearEnd <= TAPER.share * Math.max(...area);
  if (!tapers || (dense.lowest - lowest) * mm <= AT_BASE)
    wide.start[2] = Math.max(0, lowest - Math.round(BELOW / mm));
  if (Math.min(rightMl, leftMl) < UNEQUAL * Math.max(rightMl, leftMl)) mirror(wide, scan, body);
  const wider = [0, 1, 2].some(
    (axis) => wide.start[axis] !== box.start[axis] || wide.end[axis] !== box.end[axis],
  );
  return wider ? wide : null;
}

/** Interpolates between two slices: thick slices may be millimetres away. */
function areaAt(area: readonly number[], slice: number): number {
  const [below, part] = [Math.floor(slice), slice % 1];
  return (area[below] ?? 0) * (1 - part) + (area[below + 1] ?? 0) * part;
}

/** Adds the box's mirror image about the body's middle. */
function mirror(box: Box, { shape }: Volume, body: Uint8Array): void {
  const twice = Math.round(2 * bodyMiddle(body, shape, box.start[2], box.end[2])) + 1;
  const [start, end] = [box.start[0], box.end[0]];
  box.start[0] = Math.max(0, Math.min(start, twice - end));
  box.end[0] = Math.min(shape[0], Math.max(end, twice - start));
}
