/** Slices as grey pictures: windowed, and scaled to square pixels in mm. */
import { resample, type Triple, type Volume } from "@slicestack/volume";
import { windowed } from "../page/windowed.js";
import { InspectError } from "./errors.js";

export type Window = readonly [low: number, high: number];

export interface TileSize {
  width: number;
  height: number;
}

/** Smaller slices are enlarged by a whole factor, larger ones are shrunk. */
const [SMALLEST, LARGEST] = [128, 256];

/** @param longest pixels of the longer side; default 128 to 256, without scaling if possible */
export function tileSize({ shape, spacing }: Pick<Volume, "shape" | "spacing">, longest?: number): TileSize {
  const mm = [shape[0] * spacing[0], shape[1] * spacing[1]] as const;
  const finest = Math.min(spacing[0], spacing[1]);
  // Pixels as fine as the finer axis, and square.
  const natural = Math.round(Math.max(...mm) / finest);
  const side =
    longest ?? (natural < SMALLEST ? natural * Math.ceil(SMALLEST / natural) : Math.min(natural, LARGEST));
  const scale = side / Math.max(...mm);
  return { width: Math.max(1, Math.round(mm[0] * scale)), height: Math.max(1, Math.round(mm[1] * scale)) };
}

/** Evenly spaced slice indices, counted from 0, each in the middle of an equal interval; all slices if `count` allows. */
export function spreadSlices(slices: number, count: number | "all"): number[] {
  const n = count === "all" ? slices : Math.min(count, slices);
  return Array.from({ length: n }, (_, k) => Math.floor(((k + 0.5) * slices) / n));
}

/**
 * The grey slices `chosen` of a volume, each width x height. A whole enlargement repeats pixels, any other scaling
 * interpolates the grey values, with a low-pass filter if it shrinks.
 * @param volume upright (`turned`)
 */
export function grey(
  volume: Volume,
  chosen: readonly number[],
  window: Window,
  size: TileSize,
): Uint8Array[] {
  if (!(window[0] < window[1]))
    throw new InspectError(
      `window: expected LOW below HIGH, received ${window.join(", ")}`,
      "Use, for example, -1000,400.",
    );
  const [nx, ny] = volume.shape;
  const plane = nx * ny;
  const flat = new Uint8Array(plane * chosen.length);
  chosen.forEach((slice, k) =>
    flat.set(windowed(volume.data.subarray(slice * plane, (slice + 1) * plane), window), k * plane),
  );
  const scaled = scale(flat, [nx, ny, chosen.length], size);
  const pixels = size.width * size.height;
  return chosen.map((_, k) => scaled.subarray(k * pixels, (k + 1) * pixels));
}

function scale(flat: Uint8Array, shape: Triple, { width, height }: TileSize): Uint8Array {
  const [nx, ny, n] = shape;
  if (width === nx && height === ny) return flat;
  const factor = width / nx;
  if (Number.isInteger(factor) && height === factor * ny) return repeated(flat, shape, factor);
  const picture: Volume = {
    data: flat,
    shape,
    spacing: [1, 1, 1],
    origin: [0, 0, 0],
    direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    unit: "arbitrary",
  };
  return resample(picture, [width, height, n]).data as Uint8Array;
}

function repeated(flat: Uint8Array, [nx, ny, n]: Triple, factor: number): Uint8Array {
  const width = nx * factor;
  const large = new Uint8Array(flat.length * factor * factor);
  for (let row = 0; row < ny * n; row++) {
    const start = row * factor * width;
    for (let x = 0; x < width; x++) large[start + x] = flat[row * nx + Math.floor(x / factor)] as number;
    for (let k = 1; k < factor; k++) large.copyWithin(start + k * width, start, start + width);
  }
  return large;
}
