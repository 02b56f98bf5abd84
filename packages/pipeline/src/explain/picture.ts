/** The picture of one map of one volume: slices without and with it, its colours, and the contribution of each slice. */
import { resample, type Volume } from "@slicestack/volume";
import { Canvas } from "../inspect/canvas.js";
import { captionOf, layoutOf, titled, titleHeight, writeLines } from "../inspect/montage.js";
import { grey, tileSize, type TileSize, type Window } from "../inspect/tiles.js";
import { blend, scaleOf } from "./colours.js";
import type { SliceShare } from "./subject.js";

export interface MapPicture {
  title: readonly string[];
  /** The stored volume, from which the model's input is made. */
  volume: Volume;
  /** S x H x W, on the grid of the volume. */
  map: Float32Array;
  /** Values on both sides of 0. */
  isSigned: boolean;
  /** The explained class. */
  target: string;
  /** Unit of the map, for the colour bar. */
  unit: string;
  slices: readonly SliceShare[];
  window: Window;
  /** Number of pairs of slices. */
  count: number;
  tile?: number;
  /** Whether the volume has a geometry. */
  placed: boolean;
}

const BETWEEN = 2;
const [BAR_WIDTH, BAR_HEIGHT, BAR_ROW] = [180, 12, 26];
const STRIP = { title: 22, height: 64, foot: 20 };
const SMALL = 12;

export function mapPicture(picture: MapPicture): Canvas {
  const { volume, map, count } = picture;
  const chosen = strongestSlices(map, volume.shape, count);
  const size = tileSize(volume, picture.tile);
  const pair: TileSize = { width: 2 * size.width + BETWEEN, height: size.height };
  const { width, lines } = titled(picture.title, layoutOf(chosen.length, pair, 0).width);
  const layout = layoutOf(chosen.length, pair, 0);
  const top = titleHeight(lines.length) + BAR_ROW;
  const bottom = STRIP.title + STRIP.height + STRIP.foot;
  const canvas = new Canvas(Math.max(width, 460), top + layout.height + bottom, 3);
  writeLines(canvas, lines);
  const limit = scaleOf(map);
  drawBar(canvas, titleHeight(lines.length), limit, picture);
  const plain = grey(volume, chosen, picture.window, size);
  const coloured = overlaid(plain, { ...volume, data: map, unit: "arbitrary" }, chosen, size, limit);
  chosen.forEach((slice, k) => {
    const { x, y } = layout.tileAt(k);
    canvas.paste(plain[k]!, x, top + y, size);
    canvas.paste(coloured[k]!, x + size.width + BETWEEN, top + y, size);
    canvas.write({
      x: x + 1,
      y: top + y + size.height + SMALL + 1,
      text: captionOf(volume, slice, picture.placed),
      size: SMALL,
    });
  });
  drawStrip(canvas, top + layout.height, chosen, picture);
  return canvas;
}

/** The slice with the strongest map in each of `count` equal parts of the volume. */
export function strongestSlices(map: Float32Array, [nx, ny, nz]: Volume["shape"], count: number): number[] {
  const strength = Array.from({ length: nz }, (_, z) =>
    map.subarray(z * nx * ny, (z + 1) * nx * ny).reduce((sum, value) => sum + Math.abs(value), 0),
  );
  const parts = Math.min(count, nz);
  return Array.from({ length: parts }, (_, k) => {
    const [from, to] = [Math.floor((k * nz) / parts), Math.floor(((k + 1) * nz) / parts)];
    const middle = Math.floor((from + to - 1) / 2);
    let best = middle;
    for (let z = from; z < to; z++) if (strength[z]! > strength[best]!) best = z;
    return best;
  });
}

function overlaid(
  plain: readonly Uint8Array[],
  map: Volume,
  chosen: readonly number[],
  size: TileSize,
  limit: number,
): Uint8Array[] {
  const [nx, ny] = map.shape;
  return chosen.map((slice, k) => {
    const data = (map.data as Float32Array).slice(slice * nx * ny, (slice + 1) * nx * ny);
    const large = resample({ ...map, data, shape: [nx, ny, 1] }, [size.width, size.height, 1]).data;
    const pixels = new Uint8Array(3 * large.length);
    for (let i = 0; i < large.length; i++)
      blend(plain[k]![i]!, limit === 0 ? 0 : large[i]! / limit, pixels, 3 * i);
    return pixels;
  });
}

/** The colour bar, on the grey of soft tissue, labelled at both ends. */
function drawBar(canvas: Canvas, y: number, limit: number, { isSigned, target, unit }: MapPicture): void {
  const pixels = new Uint8Array(3 * BAR_WIDTH * BAR_HEIGHT);
  for (let i = 0; i < BAR_WIDTH * BAR_HEIGHT; i++) {
    const along = (i % BAR_WIDTH) / (BAR_WIDTH - 1);
    blend(110, isSigned ? 2 * along - 1 : along, pixels, 3 * i);
  }
  const number = (value: number) => (value === 0 ? "0" : value.toPrecision(2).replace("-", "−"));
  const left = isSigned ? `against ${number(-limit)}` : "0";
  const right = isSigned
    ? `+${number(limit)} for ${target}, ${unit}`
    : `${number(limit)} for ${target}, ${unit}`;
  const start = 8 + Math.ceil(left.length * SMALL * 0.65);
  canvas.write({ x: 5, y: y + BAR_HEIGHT, text: left, size: SMALL });
  canvas.paste(pixels, start, y + 2, { width: BAR_WIDTH, height: BAR_HEIGHT });
  canvas.write({ x: start + BAR_WIDTH + 6, y: y + BAR_HEIGHT, text: right, size: SMALL });
}

/** The contribution of each axial slice, in slice order; slices in the picture have a mark below. */
function drawStrip(
  canvas: Canvas,
  y: number,
  chosen: readonly number[],
  { slices, volume, target }: MapPicture,
): void {
  const contributions = slices.flatMap(({ place, leftOut, air }) =>
    place === null ? [] : [{ place, value: leftOut ?? air }],
  );
  if (contributions.length === 0) return;
  const method = slices.some(({ leftOut }) => leftOut !== null) ? "left out" : "replaced by air";
  const most = Math.max(...contributions.map(({ value }) => Math.abs(value)));
  const title = `loss of log-odds of ${target} if a slice is ${method}, ±${most.toPrecision(2)}; first slice on the left`;
  canvas.write({ x: 5, y: y + STRIP.title - 7, text: title, size: SMALL });
  const [left, width] = [5, canvas.width - 10];
  const top = y + STRIP.title;
  fill(canvas, left, top, width, STRIP.height, [40, 40, 40]);
  const at = (place: number) => left + ((place + 0.5) / volume.shape[2]) * width;
  const bar = Math.max(1, Math.floor((0.7 * width) / contributions.length));
  const half = STRIP.height / 2;
  for (const { place, value } of contributions) {
    const height = most === 0 ? 0 : Math.round((Math.abs(value) / most) * (half - 2));
    const x = Math.round(at(place) - bar / 2);
    if (value >= 0) fill(canvas, x, top + half - height, bar, height, [230, 159, 0]);
    else fill(canvas, x, top + half, bar, height, [86, 180, 233]);
  }
  fill(canvas, left, top + half, width, 1, [150, 150, 150]);
  for (const slice of chosen)
    fill(canvas, Math.round(at(slice)) - 1, top + STRIP.height + 2, 3, 5, [225, 225, 225]);
  const last = volume.shape[2];
  canvas.write({ x: 5, y: top + STRIP.height + 18, text: "1", size: SMALL });
  canvas.write({
    x: canvas.width - 5,
    y: top + STRIP.height + 18,
    text: String(last),
    size: SMALL,
    anchor: "end",
  });
}

function fill(
  canvas: Canvas,
  x: number,
  y: number,
  width: number,
  height: number,
  colour: readonly number[],
): void {
  if (width <= 0 || height <= 0) return;
  const pixels = Uint8Array.from({ length: 3 * width * height }, (_, i) => colour[i % 3]!);
  canvas.paste(pixels, x, y, { width, height });
}
