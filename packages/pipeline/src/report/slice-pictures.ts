/** Slices of a stored volume as pictures with square pixels in mm, each marked with the side and the slice number. */
import { Canvas } from "../inspect/canvas.js";
import { storedVolume } from "../inspect/read.js";
import { grey, tileSize, type Window } from "../inspect/tiles.js";
import { labelWidth } from "../page/labels.js";
import type { Dataset } from "../data/store.js";
import type { TaskVolume } from "../data/task.js";
import { greyPng } from "../page/grey-png.js";

export interface SlicePicture {
  /** A data: URI. */
  source: string;
  width: number;
  height: number;
}

interface PictureOptions {
  window: Window;
  /** Pixels of the longer side of a slice. */
  longest: number;
  columns: number;
}

const GAP = 3;
/** Pixels; pages show the pictures at about two thirds of their size. */
const TEXT = 16;

/** The slices, from left to right and top to bottom. @param chosen slice indices, counted from 0 */
export async function slicePicture(
  dataset: Dataset,
  volume: TaskVolume,
  chosen: readonly number[],
  { window, longest, columns }: PictureOptions,
): Promise<SlicePicture> {
  const across = Math.min(columns, chosen.length);
  const down = Math.ceil(chosen.length / across);
  const first = readSlice(dataset, volume, chosen[0] ?? 0);
  const size = tileSize(first, longest);
  const canvas = new Canvas(across * (size.width + GAP) - GAP, down * (size.height + GAP) - GAP);
  chosen.forEach((slice, k) => {
    const [pixels] = grey(readSlice(dataset, volume, slice), [0], window, size);
    const [x, y] = [(k % across) * (size.width + GAP), Math.floor(k / across) * (size.height + GAP)];
    canvas.paste(pixels!, x, y, size);
    if (hasOrientation(dataset))
      canvas.write({ x: x + 3, y: y + Math.round(size.height / 2) + 4, text: "R", size: TEXT });
    const number = `${slice + 1}/${volume.count}`;
    if (labelWidth(number, TEXT) + 6 <= size.width)
      canvas.write({ x: x + 3, y: y + size.height - 4, text: number, size: TEXT });
  });
  const png = greyPng(await canvas.drawn(), canvas.width, canvas.height);
  return {
    source: `data:image/png;base64,${png.toString("base64")}`,
    width: canvas.width,
    height: canvas.height,
  };
}

const readSlice = (dataset: Dataset, volume: TaskVolume, slice: number) =>
  storedVolume(dataset, { ...volume, first: volume.first + slice, count: 1 });

/** Arrays and pictures do not tell the patient's position, so no side is marked. */
export const hasOrientation = ({ info }: Dataset): boolean => info.recipe["orientation"] === "LPS";

/** "window −1000 to 400 HU; R: the patient's right". */
export function viewText(dataset: Dataset, [low, high]: Window): string {
  const number = (value: number) => String(value).replace("-", "−");
  const unit = dataset.info.unit === "HU" ? " HU" : "";
  const side = hasOrientation(dataset) ? "; R: the patient's right" : "; sides are unknown";
  return `window ${number(low)} to ${number(high)}${unit}${side}`;
}
