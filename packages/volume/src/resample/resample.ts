import { VolumeArgumentError } from "../errors.js";
import { axesToward, reorient, voxelToWorld, worldToVoxel } from "../geometry.js";
import { acrossRows, alongRows, type Floats } from "./passes.js";
import { isNarrow, planeKernel, type NarrowArray, type PlaneKernel } from "./plane.js";
import { tapsAt, triangleTaps, type Taps } from "./taps.js";
import { emptyLike, type Triple, type Volume, type VoxelArray } from "../volume.js";

export interface ResampleOptions {
  /**
   * Low-pass filter along axes that shrink; default true. With false, only the two nearest voxels are used, whatever
   * the step.
   */
  antialias?: boolean;
}

/**
 * Linear resampling to a grid of another shape over the same field of view: the outer voxel edges keep their world
 * position (align_corners = false), and spacing and origin follow exactly. Along an axis that shrinks, the triangle
 * filter widens to the step, as in torch.nn.functional.interpolate(antialias=True). Integer data are rounded to the
 * nearest, .5 upward.
 * @param shape nx, ny, nz
 * @throws VolumeArgumentError a size that is not a whole number > 0
 */
export function resample(volume: Volume, shape: Triple, options: ResampleOptions = {}): Volume {
  if (shape.length !== 3 || !shape.every((n) => Number.isSafeInteger(n) && n > 0)) {
    throw new VolumeArgumentError("shape", "three whole numbers > 0", `[${shape.join(", ")}]`);
  }
  const steps = shape.map((n, axis) => (volume.shape[axis] ?? NaN) / n) as Triple;
  const geometry = {
    shape: [...shape] as Triple,
    spacing: volume.spacing.map((mm, axis) => mm * (steps[axis] ?? NaN)) as Triple,
    // The first new voxel's centre, in old voxels.
    origin: voxelToWorld(volume, (steps[0] - 1) / 2, (steps[1] - 1) / 2, (steps[2] - 1) / 2),
    direction: [...volume.direction],
    unit: volume.unit,
  };
  const axes = steps.map((step, axis): Axis => ({
    step,
    changes: step !== 1,
    taps: triangleTaps(volume.shape[axis as 0], shape[axis as 0], options.antialias ?? true),
  })) as Axes;
  return { data: resampled(volume, axes), ...geometry };
}

/** Where voxels are in space, without their values. */
export type VoxelGrid = Pick<Volume, "shape" | "spacing" | "origin"> & { direction: readonly number[] };

/**
 * A volume at the voxels of another grid, whose axes are parallel to its own: where `resample` keeps the field of view, this one
 * goes by world coordinates. Linear between voxels, and the triangle filter along axes that shrink; beyond the outer voxels, their
 * values continue. Integer data are rounded to the nearest, .5 upward.
 * @throws VolumeArgumentError if an axis of the grid is not parallel to that of the volume
 */
export function resampleToGrid(volume: Volume, grid: VoxelGrid, options: ResampleOptions = {}): Volume {
  const start = worldToVoxel(volume, ...grid.origin);
  const axes = ([0, 1, 2] as const).map((axis): Axis => {
    const angle = angleBetween(volume, grid, axis);
    if (angle > PARALLEL_DEGREES)
      throw new VolumeArgumentError(
        "grid.direction",
        `axis ${"xyz"[axis]} parallel to that of the volume`,
        `an angle of ${angle.toFixed(1)} degrees`,
      );
    const [from, count] = [volume.shape[axis], grid.shape[axis]];
    const step = grid.spacing[axis] / volume.spacing[axis];
    const reach = (options.antialias ?? true) ? Math.max(step, 1) : 1;
    const taps = tapsAt(from, { count, reach, centreOf: (i) => start[axis] + i * step + 0.5 });
    const moved = Math.max(Math.abs(start[axis]), Math.abs(start[axis] + (count - 1) * step - (count - 1)));
    return { step, changes: count !== from || moved > SAME_PLACE, taps };
  }) as Axes;
  const { shape, spacing, origin, direction } = grid;
  const geometry = { shape: [...shape], spacing: [...spacing], origin: [...origin] } as const;
  return {
    data: resampled(volume, axes),
    ...(geometry as Pick<Volume, "shape" | "spacing" | "origin">),
    direction: [...direction],
    unit: volume.unit,
  };
}

const PARALLEL_DEGREES = 0.25;

/** In voxels: the rounding of world coordinates. */
const SAME_PLACE = 1e-6;

/** Degrees between an axis of a grid and that of another. */
export function angleBetween(
  a: { direction: readonly number[] },
  b: { direction: readonly number[] },
  axis: 0 | 1 | 2,
): number {
  const cosine = [0, 3, 6].reduce((sum, row) => sum + a.direction[row + axis]! * b.direction[row + axis]!, 0);
  return (Math.acos(Math.min(1, Math.max(-1, cosine))) * 180) / Math.PI;
}

/**
 * resample(reorient(volume, code), shape), up to the rounding of sums, without reorienting the larger volume.
 * @param shape nx, ny, nz after reorienting
 * @throws VolumeArgumentError as reorient and resample
 */
export function reorientAndResample(
  volume: Volume,
  code: string,
  shape: Triple,
  options: ResampleOptions = {},
): Volume {
  const { from } = axesToward(volume, code);
  const before: Triple = [0, 0, 0];
  from.forEach((axis, target) => (before[axis as 0] = shape[target as 0]));
  return reorient(resample(volume, before, options), code);
}

/** How the voxels along one axis follow from those of the source. */
interface Axis {
  /** New voxels are this many old ones apart. */
  step: number;
  /** False where each new voxel is the old one. */
  changes: boolean;
  taps: Taps;
}

type Axes = [x: Axis, y: Axis, z: Axis];

/** The axes that change, one pass each; the axis that shrinks most is first, so that later passes have less to do. */
function resampled({ data, shape: from }: Volume, axes: Axes): VoxelArray {
  const [x, y, z] = axes;
  if (!axes.some(({ changes }) => changes)) return data.slice();
  const inPlane = x.changes || y.changes;
  const kernel = inPlane && isNarrow(data) ? planeKernel(from, [x.taps, y.taps]) : null;
  if (kernel === null || !isNarrow(data)) return likeSource(axisByAxis(data, from, axes), data);
  if (!z.changes) return likeSource(planeByPlane(data, kernel, from[2]), data);
  // Planes come first, unless they grow and there are fewer of them afterwards.
  const planesGrow = x.step * y.step < 1 && z.step > 1;
  const alongZ: Axes = [{ ...x, changes: false }, { ...y, changes: false }, z];
  if (planesGrow) {
    const fewer = axisByAxis(data, from, alongZ) as Float32Array;
    return likeSource(planeByPlane(fewer, kernel, z.taps.count), data);
  }
  const planes = planeByPlane(data, kernel, from[2]);
  return likeSource(axisByAxis(planes, [x.taps.count, y.taps.count, from[2]], alongZ), data);
}

/** The variant without WebAssembly: for types of 32 bits or more, with 64-bit sums. */
function axisByAxis(source: VoxelArray, from: Triple, along: Axes): VoxelArray {
  const wide = [Int32Array, Uint32Array, Float64Array].some((Type) => source instanceof Type);
  const size: Triple = [...from];
  let data = source;
  // y before x, because its pass is faster.
  const axes = ([1, 0, 2] as const)
    .filter((axis) => along[axis].changes)
    .sort((a, b) => along[b].step - along[a].step);
  for (const axis of axes) {
    const { taps } = along[axis];
    const inner = axis === 0 ? 1 : axis === 1 ? size[0] : size[0] * size[1];
    const outer = data.length / (inner * size[axis]);
    const length = outer * inner * taps.count;
    const target: Floats = wide ? new Float64Array(length) : new Float32Array(length);
    if (inner === 1) alongRows(data, target, taps, size[axis], outer);
    else acrossRows(data, target, taps, size[axis], inner, outer);
    data = target;
    size[axis] = taps.count;
  }
  return data;
}

function planeByPlane(source: NarrowArray, kernel: PlaneKernel, planes: number): Float32Array {
  const target = new Float32Array(planes * kernel.outputSize);
  for (let z = 0; z < planes; z++) {
    const plane = source.subarray(z * kernel.inputSize, (z + 1) * kernel.inputSize);
    target.set(kernel.run(plane), z * kernel.outputSize);
  }
  return target;
}

function likeSource(data: VoxelArray, source: VoxelArray): VoxelArray {
  if (data.constructor === source.constructor) return data;
  const target = emptyLike(source, data.length);
  for (let i = 0; i < data.length; i++) target[i] = Math.floor((data[i] as number) + 0.5);
  return target;
}
