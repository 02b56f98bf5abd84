import { VolumeArgumentError } from "./errors.js";
import { voxelToWorld } from "./geometry.js";
import { emptyLike, type Triple, type Volume, type VoxelArray } from "./volume.js";

export interface ResampleOptions {
  /** Low-pass along axes that shrink; default true. False takes the two nearest voxels however far the step. */
  antialias?: boolean;
}

/**
 * Linear resampling to a grid of another shape over the same field of view: voxel edges of the volume's border stay
 * where they are in the world (align_corners = false), spacing and origin follow exactly. Along an axis that shrinks,
 * the triangle filter widens to the step, as in torch.nn.functional.interpolate(antialias=True). Whole-number data are
 * rounded to the nearest, .5 upward.
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

type Floats = Float32Array | Float64Array;

function resampled(volume: Volume, shape: Triple, steps: Triple, antialias: boolean): VoxelArray {
  const wide = [Int32Array, Uint32Array, Float64Array].some((Type) => volume.data instanceof Type);
  const size: Triple = [...volume.shape];
  let data: VoxelArray = volume.data;
  // The axis that shrinks most goes first, so that the later passes have less to do; y before x, its pass is faster.
  const axes = ([1, 0, 2] as const).filter((axis) => steps[axis] !== 1).sort((a, b) => steps[b] - steps[a]);
  for (const axis of axes) {
    const taps = triangleTaps(size[axis], shape[axis], antialias);
    const inner = axis === 0 ? 1 : axis === 1 ? size[0] : size[0] * size[1];
    const outer = data.length / (inner * size[axis]);
    const length = outer * inner * shape[axis];
    const target: Floats = wide ? new Float64Array(length) : new Float32Array(length);
    if (inner === 1) alongRows(data, target, taps, size[axis], outer);
    else acrossRows(data, target, taps, size[axis], inner, outer);
    data = target;
    size[axis] = shape[axis];
  }
  return likeSource(data, volume.data);
}

/** For each output the first input, how many inputs, and their weights (sum 1), `width` apart. */
interface Taps {
  count: number;
  width: number;
  first: Int32Array;
  length: Int32Array;
  weight: Float64Array;
}

function triangleTaps(from: number, to: number, antialias: boolean): Taps {
  const step = from / to;
  const reach = antialias ? Math.max(step, 1) : 1;
  const width = Math.min(2 * Math.ceil(reach) + 1, from);
  const taps: Taps = {
    count: to,
    width,
    first: new Int32Array(to),
    length: new Int32Array(to),
    weight: new Float64Array(to * width),
  };
  for (let i = 0; i < to; i++) {
    // Where the output's centre lies, in inputs whose centres are at .5
    const centre = step * (i + 0.5);
    const first = Math.max(Math.trunc(centre - reach + 0.5), 0);
    const end = Math.min(Math.trunc(centre + reach + 0.5), from);
    const weights = Array.from({ length: end - first }, (_, n) =>
      Math.max(0, 1 - Math.abs(first + n + 0.5 - centre) / reach),
    );
    const sum = weights.reduce((total, w) => total + w, 0);
    taps.first[i] = first;
    taps.length[i] = weights.length;
    weights.forEach((w, n) => (taps.weight[i * width + n] = w / sum));
  }
  return taps;
}

/** Along x: each output is a short dot product. */
function alongRows(source: VoxelArray, target: Floats, taps: Taps, size: number, rows: number): void {
  const { count, width, first, length, weight } = taps;
  for (let row = 0; row < rows; row++) {
    const start = row * size;
    for (let i = 0; i < count; i++) {
      let sum = 0;
      let read = start + (first[i] as number);
      const end = read + (length[i] as number);
      for (let w = i * width; read < end; read++, w++) sum += (source[read] as number) * (weight[w] as number);
      target[row * count + i] = sum;
    }
  }
}

/** Values summed at once: the sums stay in the nearest cache. */
const BLOCK = 2048;

/** Along y or z: each output row is a weighted sum of input rows, `inner` values long. */
function acrossRows(source: VoxelArray, target: Floats, taps: Taps, size: number, inner: number, outer: number): void {
  const { count, width, first, length, weight } = taps;
  const sums = new Float64Array(Math.min(BLOCK, inner));
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < count; i++) {
      for (let block = 0; block < inner; block += BLOCK) {
        const n = Math.min(BLOCK, inner - block);
        const taken = length[i] as number;
        const at = (o * size + (first[i] as number)) * inner + block;
        sums.fill(0);
        let t = 0;
        for (; t + 4 <= taken; t += 4) addFour(sums, source, at + t * inner, inner, n, weight, i * width + t);
        for (; t < taken; t++) addOne(sums, source, at + t * inner, n, weight[i * width + t] as number);
        const start = (o * count + i) * inner + block;
        for (let x = 0; x < n; x++) target[start + x] = sums[x] as number;
      }
    }
  }
}

/** Four rows at once: the sums are loaded and stored a quarter as often. */
function addFour(
  sums: Float64Array,
  source: VoxelArray,
  start: number,
  stride: number,
  n: number,
  weight: Float64Array,
  w: number,
): void {
  const [a = 0, b = 0, c = 0, d = 0] = weight.subarray(w, w + 4);
  for (let x = 0, at = start; x < n; x++, at++) {
    sums[x] =
      (sums[x] as number) +
      a * (source[at] as number) +
      b * (source[at + stride] as number) +
      c * (source[at + 2 * stride] as number) +
      d * (source[at + 3 * stride] as number);
  }
}

function addOne(sums: Float64Array, source: VoxelArray, start: number, n: number, weight: number): void {
  for (let x = 0, at = start; x < n; x++, at++) sums[x] = (sums[x] as number) + weight * (source[at] as number);
}

function likeSource(data: VoxelArray, source: VoxelArray): VoxelArray {
  if (data.constructor === source.constructor) return data === source ? source.slice() : data;
  const target = emptyLike(source, data.length);
  for (let i = 0; i < data.length; i++) target[i] = Math.floor((data[i] as number) + 0.5);
  return target;
}
