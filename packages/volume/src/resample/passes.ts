import type { Taps } from "./taps.js";
import type { VoxelArray } from "../volume.js";

export type Floats = Float32Array | Float64Array;

/** Along x: each output is a short dot product. */
export function alongRows(source: VoxelArray, target: Floats, taps: Taps, size: number, rows: number): void {
  const { count, width, first, length, weight } = taps;
  for (let row = 0; row < rows; row++) {
    const start = row * size;
    for (let i = 0; i < count; i++) {
      let sum = 0;
      let read = start + (first[i] as number);
      const end = read + (length[i] as number);
      for (let w = i * width; read < end; read++, w++)
        sum += (source[read] as number) * (weight[w] as number);
      target[row * count + i] = sum;
    }
  }
}

/** Values summed at once: the sums stay in the L1 cache. */
const BLOCK = 2048;

/** Along y or z: each output row is a weighted sum of input rows, `inner` values long. */
export function acrossRows(
  source: VoxelArray,
  target: Floats,
  taps: Taps,
  size: number,
  inner: number,
  outer: number,
): void {
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
  for (let x = 0, at = start; x < n; x++, at++)
    sums[x] = (sums[x] as number) + weight * (source[at] as number);
}
