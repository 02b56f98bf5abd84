import { emptyLike, type Triple, type VoxelArray } from "../volume.js";
import type { PlaneMix } from "./spacing.js";
import type { SliceStack } from "./stack.js";

/**
 * The grid onto which a stack is resampled: slices are interpolated, and shifted in their plane where the gantry was
 * tilted.
 */
export interface Regrid {
  shape: Triple;
  /** Position of voxel 0, 0, 0. */
  origin: Triple;
  /** Columns and rows that were added, so that no shifted slice loses a pixel. */
  grown: [number, number];
  mixes: readonly PlaneMix[];
  /** Shift of each slice, in pixels along x and y. */
  shifts: readonly (readonly [number, number])[];
}

/** @param mixes one per slice of the resulting volume */
export function planRegrid(
  stack: SliceStack,
  columns: number,
  rows: number,
  mixes: readonly PlaneMix[],
): Regrid {
  const { along, shear, pixel, slices, x, y } = stack;
  const shifts = along.map((mm) => [(shear[0] * mm) / pixel[0], (shear[1] * mm) / pixel[1]] as const);
  const side = (axis: 0 | 1) => {
    const values = shifts.map((shift) => nearlyWhole(shift[axis]));
    const before = Math.ceil(-values.reduce((least, value) => Math.min(least, value), 0));
    const after = Math.ceil(values.reduce((most, value) => Math.max(most, value), 0));
    return { before, after };
  };
  const [across, down] = [side(0), side(1)];
  const first = slices[0]?.position as Triple;
  return {
    shape: [columns + across.before + across.after, rows + down.before + down.after, mixes.length],
    origin: first.map(
      (mm, i) => mm - across.before * pixel[0] * (x[i] as number) - down.before * pixel[1] * (y[i] as number),
    ) as Triple,
    grown: [across.before + across.after, down.before + down.after],
    mixes,
    shifts: shifts.map(
      ([sx, sy]) => [nearlyWhole(sx) + across.before, nearlyWhole(sy) + down.before] as const,
    ),
  };
}

/** Positions are rounded, so a shift of 2.9999 pixels is one of 3, which moves pixels without mixing them. */
function nearlyWhole(pixels: number): number {
  const whole = Math.round(pixels);
  return Math.abs(pixels - whole) < 1e-3 ? whole : pixels;
}

/**
 * Rounds .5 upward, even where rounding errors make it slightly smaller, so that slices halfway between two others do
 * not depend on them.
 */
const HALF = 0.5 + 1e-6;

/**
 * Interpolates linearly along x, y and the normal; voxels that no slice covers become `air`. Integer data are rounded,
 * .5 upward.
 */
export function regrid(
  data: VoxelArray,
  columns: number,
  rows: number,
  plan: Regrid,
  air: number,
): VoxelArray {
  const [nx, ny, nz] = plan.shape;
  const target = emptyLike(data, nx * ny * nz);
  const isWhole = !(target instanceof Float32Array);
  const planes = new ShiftedPlanes(data, columns, rows, plan, air);
  for (let z = 0; z < nz; z++) {
    const { lower, upper, weight } = plan.mixes[z] as PlaneMix;
    const below = planes.plane(weight === 1 ? upper : lower);
    const above = weight === 0 || weight === 1 ? below : planes.plane(upper);
    const at = z * nx * ny;
    const share = below === above ? 0 : weight;
    for (let i = 0; i < nx * ny; i++) {
      const value = (below[i] as number) * (1 - share) + (above[i] as number) * share;
      target[at + i] = isWhole ? Math.floor(value + HALF) : value;
    }
  }
  return target;
}

/** Slices placed on the larger plane; the last two are cached, because neighbours are requested in turn. */
class ShiftedPlanes {
  readonly #data: VoxelArray;
  readonly #columns: number;
  readonly #rows: number;
  readonly #plan: Regrid;
  readonly #air: number;
  readonly #kept = new Map<number, Float64Array>();

  constructor(data: VoxelArray, columns: number, rows: number, plan: Regrid, air: number) {
    this.#air = air;
    this.#data = data;
    this.#columns = columns;
    this.#rows = rows;
    this.#plan = plan;
  }

  plane(slice: number): Float64Array {
    const known = this.#kept.get(slice);
    if (known !== undefined) return known;
    const [oldest] = this.#kept.keys();
    // The array of the older slice is reused.
    const isFull = this.#kept.size === 2 && oldest !== undefined;
    const target = isFull
      ? (this.#kept.get(oldest) as Float64Array)
      : new Float64Array(this.#plan.shape[0] * this.#plan.shape[1]);
    if (isFull) this.#kept.delete(oldest);
    this.#shift(slice, target);
    this.#kept.set(slice, target);
    return target;
  }

  #shift(slice: number, target: Float64Array): void {
    const [sx, sy] = this.#plan.shifts[slice] as readonly [number, number];
    const [nx, ny] = this.#plan.shape;
    const start = slice * this.#columns * this.#rows;
    const [wholeX, wholeY] = [Math.floor(sx), Math.floor(sy)];
    const [partX, partY] = [sx - wholeX, sy - wholeY];
    const row = new Float64Array(nx);
    const previous = new Float64Array(nx).fill(this.#air);
    for (let y = 0; y < ny; y++) {
      // Pixel j of the slice lies at j + shift, so row y takes (1 - part) of row y - whole, and part of the one before.
      this.#row(start, y - wholeY, wholeX, partX, row);
      const at = y * nx;
      for (let x = 0; x < nx; x++)
        target[at + x] = (row[x] as number) * (1 - partY) + (previous[x] as number) * partY;
      previous.set(row);
    }
  }

  /** One row of a slice, shifted along x; air outside of it. */
  #row(start: number, row: number, wholeX: number, partX: number, target: Float64Array): void {
    if (row < 0 || row >= this.#rows) {
      target.fill(this.#air);
      return;
    }
    const first = start + row * this.#columns;
    let before = this.#air;
    for (let x = 0; x < target.length; x++) {
      const column = x - wholeX;
      const value =
        column >= 0 && column < this.#columns ? (this.#data[first + column] as number) : this.#air;
      target[x] = value * (1 - partX) + before * partX;
      before = value;
    }
  }
}
