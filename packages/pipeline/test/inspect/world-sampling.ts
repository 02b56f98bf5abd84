/**
 * Values of a volume at the positions of another grid, by world coordinates only, one slice after the other. Independent of the
 * resampling of @slicestack/volume, which prepare and inspect use: the oracle for both.
 */
import { worldToVoxel, type Volume, type VoxelGrid } from "@slicestack/volume";

export interface SampleOptions {
  /** Voxels that may be used: x0, x1, y0, y1, z0, z1, ends excluded; null = all. */
  box: readonly number[] | null;
  /** If the grid is coarser, average over its step (a triangle); false interpolates between the nearest two voxels. */
  smooth: boolean;
  /** Requested slices of the grid; default all. */
  slices?: readonly number[];
}

/** The voxels along one axis whose weighted mean is the value of a grid point; weights sum to 1. */
interface Mix {
  first: number;
  weights: number[];
}

/** The requested slices of `grid` in turn, each H x W. The axes of the two must be parallel. */
export function* sampleSlices(
  source: Volume,
  grid: VoxelGrid,
  options: SampleOptions,
): Generator<Float32Array, void> {
  const [alongX, alongY, alongZ] = mixesOf(source, grid, options);
  const [nx, ny] = source.shape;
  for (const k of options.slices ?? alongZ.keys()) {
    const { first, weights } = alongZ[k]!;
    const plane = new Float64Array(nx * ny);
    weights.forEach((weight, k) => {
      const start = (first + k) * nx * ny;
      for (let i = 0; i < plane.length; i++) plane[i] = plane[i]! + weight * source.data[start + i]!;
    });
    yield reduced(plane, nx, alongX, alongY);
  }
}

function reduced(
  plane: Float64Array,
  nx: number,
  alongX: readonly Mix[],
  alongY: readonly Mix[],
): Float32Array {
  const slice = new Float32Array(alongX.length * alongY.length);
  const row = new Float64Array(nx);
  alongY.forEach((y, j) => {
    row.fill(0);
    y.weights.forEach((weight, k) => {
      const start = (y.first + k) * nx;
      for (let i = 0; i < nx; i++) row[i] = row[i]! + weight * plane[start + i]!;
    });
    alongX.forEach((x, i) => {
      let sum = 0;
      for (let k = 0; k < x.weights.length; k++) sum += x.weights[k]! * row[x.first + k]!;
      slice[j * alongX.length + i] = sum;
    });
  });
  return slice;
}

function mixesOf(source: Volume, grid: VoxelGrid, { box, smooth }: SampleOptions): [Mix[], Mix[], Mix[]] {
  const start = worldToVoxel(source, ...grid.origin);
  const along = ([0, 1, 2] as const).map((axis) => {
    const step = grid.spacing[axis] / source.spacing[axis];
    const [low, end] = box === null ? [0, source.shape[axis]] : [box[2 * axis]!, box[2 * axis + 1]!];
    return Array.from({ length: grid.shape[axis] }, (_, i) =>
      mixAt(start[axis] + i * step, smooth ? Math.max(1, step) : 1, low, end),
    );
  });
  return along as [Mix[], Mix[], Mix[]];
}

/** @param at in voxels  @param reach of the triangle, in voxels  @param low first voxel  @param end the voxel after the last */
function mixAt(at: number, reach: number, low: number, end: number): Mix {
  const inside = (n: number) => Math.min(end - 1, Math.max(low, n));
  const first = inside(Math.ceil(at - reach));
  const last = inside(Math.floor(at + reach));
  const weights = Array.from({ length: last - first + 1 }, (_, k) =>
    Math.max(0, 1 - Math.abs(first + k - at) / reach),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  // A point far outside the voxels takes the value of the nearest one.
  return sum > 0
    ? { first, weights: weights.map((weight) => weight / sum) }
    : { first: inside(Math.round(at)), weights: [1] };
}
