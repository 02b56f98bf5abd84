/** Slices side by side, with their numbers. */
import { labelWidth } from "../page/labels.js";
import { voxelToWorld, type Volume } from "@slicestack/volume";
import { Canvas } from "./canvas.js";
import { short } from "./number-text.js";
import { grey, spreadSlices, tileSize, type TileSize, type Window } from "./tiles.js";

export interface Tile {
  pixels: Uint8Array;
  caption: string;
}

export interface MontageOptions {
  /** Lines above. */
  title: readonly string[];
  columns?: number;
}

/** Between tiles. */
const GAP = 4;
const [TITLE, CAPTION] = [13, 12];
/** Height of a line of text, and its distance from the top to the baseline. */
const lineOf = (size: number) => ({ height: size + 6, foot: size + 1 });

/** Positions of the tiles in a picture. */
export interface Layout {
  width: number;
  height: number;
  columns: number;
  /** Left upper corner of tile k. */
  tileAt(k: number): { x: number; y: number };
}

/** A layout whose width is about one and a half times its height. */
export function layoutOf(count: number, size: TileSize, titleLines: number, wanted?: number): Layout {
  const cell = { width: size.width + GAP, height: size.height + GAP + lineOf(CAPTION).height };
  const best = Math.round(Math.sqrt((1.5 * count * cell.height) / cell.width));
  const columns = Math.max(1, Math.min(count, wanted ?? best));
  const rows = Math.ceil(count / columns);
  const top = titleLines * lineOf(TITLE).height + GAP;
  return {
    width: columns * cell.width + GAP,
    height: top + rows * cell.height,
    columns,
    tileAt: (k) => ({ x: GAP + (k % columns) * cell.width, y: top + Math.floor(k / columns) * cell.height }),
  };
}

/** Tiles in a grid, each with a caption below. Titles that are too long are broken at " · ". */
export function montageOf(
  tiles: readonly Tile[],
  size: TileSize,
  { title, columns }: MontageOptions,
): Canvas {
  const { width, lines } = titled(title, layoutOf(tiles.length, size, 0, columns).width);
  const layout = layoutOf(tiles.length, size, lines.length, columns);
  const canvas = new Canvas(width, layout.height);
  writeLines(canvas, lines);
  tiles.forEach(({ pixels, caption }, k) => {
    const { x, y } = layout.tileAt(k);
    canvas.paste(pixels, x, y, size);
    const text = shortened(caption, size.width, CAPTION);
    canvas.write({ x: x + 1, y: y + size.height + lineOf(CAPTION).foot, text, size: CAPTION });
  });
  return canvas;
}

export function writeLines(canvas: Canvas, lines: readonly string[]): void {
  const { height, foot } = lineOf(TITLE);
  lines.forEach((text, k) => canvas.write({ x: GAP + 1, y: k * height + foot, text, size: TITLE }));
}

/** Height of a title of this many lines, in pixels. */
export const titleHeight = (lines: number): number => lines * lineOf(TITLE).height + GAP;

/** A picture is at least as wide as its title, up to this width. */
const WIDEST_TITLE = 420;

/** The width of a picture of at least this many pixels under a title, and the title in lines, broken at " · ". */
export function titled(title: readonly string[], least: number): { width: number; lines: string[] } {
  const parts = title.flatMap((line) => line.split(" · "));
  const longest = Math.max(0, ...parts.map((text) => labelWidth(text, TITLE))) + 2 * GAP;
  const width = Math.max(least, Math.min(longest, WIDEST_TITLE));
  return { width, lines: title.flatMap((line) => brokenLine(line, width - 2 * GAP)) };
}

function brokenLine(line: string, width: number): string[] {
  const lines: string[] = [];
  for (const part of line.split(" · ")) {
    const joined = lines.length === 0 ? part : `${lines.at(-1)} · ${part}`;
    if (lines.length > 0 && labelWidth(joined, TITLE) <= width) lines[lines.length - 1] = joined;
    else lines.push(part);
  }
  return lines.map((text) => shortened(text, width, TITLE));
}

function shortened(text: string, width: number, size: number): string {
  if (labelWidth(text, size) <= width) return text;
  let end = text.length - 1;
  while (end > 1 && labelWidth(text.slice(0, end) + "…", size) > width) end--;
  return `${text.slice(0, end)}…`;
}

export interface SlicesOptions extends MontageOptions {
  window: Window;
  slices: number | "all";
  tile?: number;
  /** Whether the volume has a geometry: captions then include z. */
  placed: boolean;
}

/** The montage of one volume. @param volume upright (`turned`) */
export function volumeMontage(volume: Volume, options: SlicesOptions): Canvas {
  const chosen = spreadSlices(volume.shape[2], options.slices);
  const size = tileSize(volume, options.tile);
  const pixels = grey(volume, chosen, options.window, size);
  const tiles = chosen.map((slice, k) => ({
    pixels: pixels[k]!,
    caption: captionOf(volume, slice, options.placed),
  }));
  return montageOf(tiles, size, options);
}

/** "17 · z −102.5 mm": numbers count from 1, z is that of the middle of the slice. */
export function captionOf(volume: Volume, slice: number, placed: boolean): string {
  if (!placed) return String(slice + 1);
  const [nx, ny] = volume.shape;
  const z = voxelToWorld(volume, (nx - 1) / 2, (ny - 1) / 2, slice)[2];
  return `${slice + 1} · z ${short(Math.round(z * 10) / 10).replace("-", "−")} mm`;
}
