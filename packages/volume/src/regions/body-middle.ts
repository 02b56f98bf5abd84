import type { Triple } from "../volume.js";
import { boxOf } from "./box.js";

/** The middle of the body along x, in voxels: the median over slices start..end of the middle of their extent. */
export function bodyMiddle(body: Uint8Array, [nx, ny]: Triple, start: number, end: number): number {
  const middles: number[] = [];
  for (let z = start; z < end; z++) {
    const slice = boxOf(body.subarray(z * nx * ny, (z + 1) * nx * ny), [nx, ny, 1]);
    if (slice !== null) middles.push((slice.start[0] + slice.end[0] - 1) / 2);
  }
  return middles.sort((a, b) => a - b)[middles.length >> 1] ?? (nx - 1) / 2;
}
