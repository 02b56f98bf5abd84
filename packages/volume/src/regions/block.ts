import type { Triple } from "../volume.js";
import type { Box } from "./box.js";

export function shapeOf({ start, end }: Box): Triple {
  return [end[0] - start[0], end[1] - start[1], end[2] - start[2]];
}

/**
 * Visits the rows that a grid and a box share: index in the grid, index in the box, length. The box may reach beyond.
 */
export function eachRow(
  box: Box,
  shape: Triple,
  visit: (whole: number, part: number, length: number) => void,
): void {
  const [nx, ny, nz] = shape;
  const [wx, wy] = shapeOf(box);
  const low = box.start.map((n) => Math.max(0, n)) as Triple;
  const length = Math.min(nx, box.end[0]) - low[0];
  if (length <= 0) return;
  for (let z = low[2]; z < Math.min(nz, box.end[2]); z++) {
    for (let y = low[1]; y < Math.min(ny, box.end[1]); y++) {
      const part = low[0] - box.start[0] + wx * (y - box.start[1] + wy * (z - box.start[2]));
      visit(low[0] + nx * (y + ny * z), part, length);
    }
  }
}

/** Copies the box out of a mask; 0 where it reaches beyond the grid. */
export function cutBlock(mask: Uint8Array, shape: Triple, box: Box): Uint8Array {
  const [wx, wy, wz] = shapeOf(box);
  const block = new Uint8Array(wx * wy * wz);
  eachRow(box, shape, (whole, part, length) => block.set(mask.subarray(whole, whole + length), part));
  return block;
}

/** Writes a block back to the position of its box in the grid. */
export function pasteBlock(block: Uint8Array, box: Box, mask: Uint8Array, shape: Triple): void {
  eachRow(box, shape, (whole, part, length) => mask.set(block.subarray(part, part + length), whole));
}
