/** Two versions of the same slices side by side, and their difference in colour. */
import { resample, type Volume } from "@slicestack/volume";
import { Canvas } from "./canvas.js";
import { titled, titleHeight, writeLines } from "./montage.js";
import { grey, tileSize, type TileSize, type Window } from "./tiles.js";

export interface SideBySide {
  title: readonly string[];
  /** Of the three columns. */
  headings: readonly [string, string, string];
  /** Volumes over one field of view, with the same slices; their pixels may differ in size. */
  left: Volume;
  right: Volume;
  /** On the grid of `right`. */
  difference: Float32Array;
  /** The difference that is shown in full colour. */
  scale: number;
  captions: readonly string[];
  window: Window;
  tile?: number;
}

const GAP = 6;
const [HEADING, CAPTION] = [20, 18];
const LARGE = 256;

/** One row per slice: left, right, and right minus left: red if it is larger, blue if it is smaller, dark if it is equal. */
export function sideBySidePicture({
  title,
  headings,
  left,
  right,
  difference,
  scale,
  captions,
  window,
  tile,
}: SideBySide): Canvas {
  const size = tileSize(right, tile ?? LARGE);
  const slices = captions.map((_, k) => k);
  const { width, lines } = titled(title, 3 * (size.width + GAP) + GAP);
  const top = titleHeight(lines.length) + HEADING;
  const row = size.height + CAPTION + GAP;
  const canvas = new Canvas(width, top + slices.length * row, 3);
  writeLines(canvas, lines);
  headings.forEach((text, k) => canvas.write({ x: columnAt(k, size) + 1, y: top - 6, text, size: 12 }));
  const [a, b] = [grey(left, slices, window, size), grey(right, slices, window, size)];
  const colours = coloured({ ...right, data: difference }, size, scale);
  slices.forEach((k) => {
    const y = top + k * row;
    canvas.paste(a[k]!, columnAt(0, size), y, size);
    canvas.paste(b[k]!, columnAt(1, size), y, size);
    canvas.paste(
      colours.subarray(3 * k * size.width * size.height, 3 * (k + 1) * size.width * size.height),
      columnAt(2, size),
      y,
      size,
    );
    canvas.write({ x: GAP + 1, y: y + size.height + CAPTION - 5, text: captions[k]!, size: 12 });
  });
  return canvas;
}

const columnAt = (column: number, { width }: TileSize): number => GAP + column * (width + GAP);

/** Vermillion and blue of the figures' palette; no difference is a grey other than the background's. */
const [MORE, LESS, SAME] = [[213, 94, 0], [86, 180, 233], 48] as const;

function coloured(difference: Volume, { width, height }: TileSize, scale: number): Uint8Array {
  const { data } = resample(difference, [width, height, difference.shape[2]]);
  const pixels = new Uint8Array(3 * data.length);
  for (let i = 0; i < data.length; i++) {
    const share = Math.min(1, Math.abs(data[i]!) / scale);
    const colour = data[i]! > 0 ? MORE : LESS;
    for (let c = 0; c < 3; c++) pixels[3 * i + c] = Math.round(SAME + (colour[c]! - SAME) * share);
  }
  return pixels;
}
