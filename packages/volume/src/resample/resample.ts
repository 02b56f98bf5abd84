import { VolumeArgumentError } from "../errors.js";
import { axesToward, reorient, voxelToWorld } from "../geometry.js";
import { acrossRows, alongRows, type Floats } from "./passes.js";
import { isNarrow, planeKernel, type NarrowArray, type PlaneKernel } from "./plane.js";
import { triangleTaps, type Taps } from "./taps.js";
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
  return { data: resampled(volume, shape, steps, options.antialias ?? true), ...geometry };
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

/** The axes that change, one pass each; the axis that shrinks most is first, so that later passes have less to do. */
function resampled(volume: Volume, shape: Triple, steps: Triple, antialias: boolean): VoxelArray {
  const { data } = volume;
  if (steps.every((step) => step === 1)) return data.slice();
  const taps = steps.map((_, axis) => triangleTaps(volume.shape[axis as 0], shape[axis as 0], antialias)) as [
    Taps,
    Taps,
    Taps,
  ];
  const inPlane = steps[0] !== 1 || steps[1] !== 1;
  const kernel = inPlane && isNarrow(data) ? planeKernel(volume.shape, taps) : null;
  if (kernel === null || !isNarrow(data))
    return likeSource(axisByAxis(data, volume.shape, steps, taps), data);
  if (steps[2] === 1) return likeSource(planeByPlane(data, kernel, volume.shape[2]), data);
  // Planes come first, unless they grow and there are fewer of them afterwards.
  const planesGrow = steps[0] * steps[1] < 1 && steps[2] > 1;
  if (planesGrow) {
    const fewer = axisByAxis(data, volume.shape, [1, 1, steps[2]], taps) as Float32Array;
    return likeSource(planeByPlane(fewer, kernel, shape[2]), data);
  }
  const nz = volume.shape[2];
  const planes = planeByPlane(data, kernel, nz);
  return likeSource(axisByAxis(planes, [shape[0], shape[1], nz], [1, 1, steps[2]], taps), data);
}

/** The variant without WebAssembly: for types of 32 bits or more, with 64-bit sums. */
function axisByAxis(
  source: VoxelArray,
  from: Triple,
  steps: Triple,
  taps: readonly [Taps, Taps, Taps],
): VoxelArray {
  const wide = [Int32Array, Uint32Array, Float64Array].some((Type) => source instanceof Type);
  const size: Triple = [...from];
  let data = source;
  // y before x, because its pass is faster.
  const axes = ([1, 0, 2] as const).filter((axis) => steps[axis] !== 1).sort((a, b) => steps[b] - steps[a]);
  for (const axis of axes) {
    const inner = axis === 0 ? 1 : axis === 1 ? size[0] : size[0] * size[1];
    const outer = data.length / (inner * size[axis]);
    const length = outer * inner * taps[axis].count;
    const target: Floats = wide ? new Float64Array(length) : new Float32Array(length);
    if (inner === 1) alongRows(data, target, taps[axis], size[axis], outer);
    else acrossRows(data, target, taps[axis], size[axis], inner, outer);
    data = target;
    size[axis] = taps[axis].count;
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
