import { VolumeArgumentError } from "../errors.js";
import type { Triple } from "../volume.js";
import { cutBlock, pasteBlock, shapeOf } from "./block.js";
import { boxOf, type Box } from "./box.js";
import { connectedComponents } from "./components.js";
import { assertMask, type Grid } from "./grid.js";

/**
 * Morphology with a ball: a voxel is reached where its centre lies at most `radius` mm from the other's (within a
 * millionth, so that 3 x 0.1 mm counts as 0.3 mm). Voxels that are not 0 are set; results hold 0 and 1.
 * Voxels beyond the border are unknown: dilation adds nothing from there, and erosion removes nothing there.
 * Time: voxels x (radius / spacing y + radius / spacing z). Memory in addition to the result: 4 bytes per voxel for
 * 2 * radius / spacing z + 1 slices.
 */

/** @throws VolumeArgumentError wrong length or radius; so do the other three */
export function dilate(mask: Uint8Array, grid: Grid, radius: number): Uint8Array {
  return around(mask, grid, reachOf(grid.spacing, radius), (block, inner) =>
    nearTo(block, inner, radius, true),
  );
}

export function erode(mask: Uint8Array, grid: Grid, radius: number): Uint8Array {
  reachOf(grid.spacing, radius);
  // The nearest empty voxel is never farther away than the shell around the mask's box.
  return around(mask, grid, [1, 1, 1], (block, inner) => eroded(block, inner, radius));
}

/** Erosion, then dilation: removes what is thinner than 2 radius. */
export function opening(mask: Uint8Array, grid: Grid, radius: number): Uint8Array {
  return dilate(erode(mask, grid, radius), grid, radius);
}

/** Dilation, then erosion, with empty space around: fills gaps narrower than 2 radius, but not gaps to the border. */
export function closing(mask: Uint8Array, grid: Grid, radius: number): Uint8Array {
  const room = reachOf(grid.spacing, radius).map((n) => n + 1) as Triple;
  const box = boxOf(mask, grid.shape);
  if (box === null) return new Uint8Array(mask.length);
  const wide = withRoom(box, room);
  const inner = { shape: shapeOf(wide), spacing: grid.spacing };
  const spread = nearTo(cutBlock(mask, grid.shape, wide), inner, radius, true);
  const result = new Uint8Array(mask.length);
  pasteBlock(eroded(spread, inner, radius), wide, result, grid.shape);
  return result;
}

/** Works on the mask's box with a margin, within the grid; the rest of the result is 0. */
function around(
  mask: Uint8Array,
  grid: Grid,
  room: Triple,
  work: (block: Uint8Array, inner: Grid) => Uint8Array,
): Uint8Array {
  const result = new Uint8Array(mask.length);
  const box = boxOf(mask, grid.shape);
  if (box === null) return result;
  const wide = withRoom(box, room);
  const near: Box = {
    start: wide.start.map((n) => Math.max(0, n)) as Triple,
    end: wide.end.map((n, axis) => Math.min(grid.shape[axis] as number, n)) as Triple,
  };
  const block = work(cutBlock(mask, grid.shape, near), { shape: shapeOf(near), spacing: grid.spacing });
  pasteBlock(block, near, result, grid.shape);
  return result;
}

function withRoom({ start, end }: Box, room: Triple): Box {
  return {
    start: start.map((n, axis) => n - (room[axis] as number)) as Triple,
    end: end.map((n, axis) => n + (room[axis] as number)) as Triple,
  };
}

function eroded(mask: Uint8Array, grid: Grid, radius: number): Uint8Array {
  const lost = nearTo(mask, grid, radius, false);
  for (let i = 0; i < lost.length; i++) lost[i] = 1 - (lost[i] as number);
  return lost;
}

/**
 * Sets the empty voxels that are not connected to the border through faces of other empty voxels. Returns a new mask.
 */
export function fillHoles(mask: Uint8Array, { shape }: Pick<Grid, "shape">): Uint8Array {
  return filled(mask, shape, 3);
}

/** fillHoles in each axial slice separately, so it also fills what is open upward or downward. Returns a new mask. */
export function fillHolesInSlices(mask: Uint8Array, { shape }: Pick<Grid, "shape">): Uint8Array {
  assertMask(mask, shape);
  const [nx, ny, nz] = shape;
  const result = new Uint8Array(mask.length);
  for (let z = 0; z < nz; z++) {
    const slice = mask.subarray(z * nx * ny, (z + 1) * nx * ny);
    if (slice.some((value) => value !== 0)) result.set(filled(slice, [nx, ny, 1], 2), z * nx * ny);
  }
  return result;
}

/** @param axes along how many of x, y, z the border counts as open */
function filled(mask: Uint8Array, shape: Triple, axes: 2 | 3): Uint8Array {
  assertMask(mask, shape);
  const empty = new Uint8Array(mask.length);
  for (let i = 0; i < mask.length; i++) empty[i] = mask[i] === 0 ? 1 : 0;
  const gaps = connectedComponents(empty, shape, 6);
  const open = gaps.select((k) => {
    const { start, end } = gaps.box(k);
    return shape.some((n, axis) => axis < axes && (start[axis] === 0 || end[axis] === n));
  });
  for (let i = 0; i < open.length; i++) open[i] = 1 - (open[i] as number);
  return open;
}

/** Voxels along x, y, z that lie within the radius. */
function reachOf(spacing: Triple, radius: number): Triple {
  if (!(Number.isFinite(radius) && radius >= 0)) {
    throw new VolumeArgumentError("radius", "a number >= 0, in mm", `${radius}`);
  }
  return spacing.map((size) => Math.floor((radius / size) * (1 + 1e-6))) as Triple;
}

/** 1 where a voxel that is set (or, with `seed` false, an empty one) lies within the radius. */
function nearTo(mask: Uint8Array, { shape, spacing }: Grid, radius: number, seed: boolean): Uint8Array {
  assertMask(mask, shape);
  const [nx, ny, nz] = shape;
  const [, , sz] = spacing;
  const limit = radius * radius * (1 + 2e-6);
  const [rx, ry, rz] = reachOf(spacing, radius).map((n, axis) =>
    Math.min(n, (shape[axis] as number) - 1),
  ) as Triple;
  const result = new Uint8Array(mask.length);
  const plane = new PlaneDistance(nx, ny, spacing, [rx, ry], seed);
  // A ring buffer of the slices within reach; slice z is stored at z modulo their number.
  const ring = Array.from({ length: 2 * rz + 1 }, () => new Float32Array(nx * ny));
  const filled = ring.map(() => false);
  for (let z = -rz; z < nz; z++) {
    const ahead = z + rz;
    const slot = ahead % ring.length;
    if (ahead < nz) filled[slot] = plane.measure(mask, ahead * nx * ny, ring[slot] as Float32Array);
    if (z < 0) continue;
    const out = result.subarray(z * nx * ny, (z + 1) * nx * ny);
    for (let other = Math.max(0, z - rz); other <= Math.min(nz - 1, z + rz); other++) {
      if (filled[other % ring.length] === false) continue;
      const left = limit - ((other - z) * sz) ** 2;
      if (left >= 0) mark(out, ring[other % ring.length] as Float32Array, left);
    }
  }
  return result;
}

function mark(out: Uint8Array, distance: Float32Array, limit: number): void {
  for (let i = 0; i < out.length; i++) if ((distance[i] as number) <= limit) out[i] = 1;
}

/** Squared distance in mm to the nearest seed of the same slice, exact up to the reach; Infinity beyond. */
class PlaneDistance {
  readonly #row: Float32Array;
  readonly #hasSeed: Uint8Array;
  readonly #square: Float32Array;

  constructor(
    readonly nx: number,
    readonly ny: number,
    readonly spacing: readonly number[],
    readonly reach: readonly [number, number],
    readonly seed: boolean,
  ) {
    this.#row = new Float32Array(nx * ny);
    this.#hasSeed = new Uint8Array(ny);
    this.#square = Float32Array.from({ length: reach[0] + 2 }, (_, n) =>
      n > reach[0] ? Infinity : (n * (spacing[0] as number)) ** 2,
    );
  }

  /** @returns whether the slice holds a seed; `out` is only written if so */
  measure(mask: Uint8Array, first: number, out: Float32Array): boolean {
    const { nx, ny, reach } = this;
    let any = false;
    for (let y = 0; y < ny; y++) {
      const hasSeed = this.#measureRow(mask, first + y * nx, y * nx);
      this.#hasSeed[y] = hasSeed ? 1 : 0;
      any ||= hasSeed;
    }
    if (!any) return false;
    out.fill(Infinity);
    const row = this.#row;
    for (let y = 0; y < ny; y++) {
      for (let other = Math.max(0, y - reach[1]); other <= Math.min(ny - 1, y + reach[1]); other++) {
        if (this.#hasSeed[other] === 0) continue;
        const away = Math.fround(((other - y) * (this.spacing[1] as number)) ** 2);
        for (let at = y * nx, read = other * nx; at < (y + 1) * nx; at++, read++) {
          const distance = (row[read] as number) + away;
          if (distance < (out[at] as number)) out[at] = distance;
        }
      }
    }
    return true;
  }

  /** Squared distance along the row, by a scan from each end. */
  #measureRow(mask: Uint8Array, first: number, at: number): boolean {
    const { nx, seed } = this;
    const [row, square] = [this.#row, this.#square];
    const far = this.reach[0] + 1;
    let steps = far;
    let hasSeed = false;
    for (let x = 0; x < nx; x++) {
      if ((mask[first + x] !== 0) === seed) {
        steps = 0;
        hasSeed = true;
      } else if (steps < far) steps++;
      row[at + x] = square[steps] as number;
    }
    if (!hasSeed) return false;
    steps = far;
    for (let x = nx - 1; x >= 0; x--) {
      if ((mask[first + x] !== 0) === seed) steps = 0;
      else if (steps < far) steps++;
      const distance = square[steps] as number;
      if (distance < (row[at + x] as number)) row[at + x] = distance;
    }
    return true;
  }
}
