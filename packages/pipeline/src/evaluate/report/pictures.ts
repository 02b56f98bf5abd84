/** Pictures of scans for the report; none of them is made where the user wants no images. */
import type { TaskVolume } from "../../data/task.js";
import { readStored, type Dataset } from "../../data/store.js";
import { windowed } from "../../page/windowed.js";
import type { OpenRun } from "../../run/open.js";
import type { Evidence, Failure } from "../analysis/failures.js";
import type { Predictions } from "../predictions.js";
import { exampleSlices } from "./examples.js";
import { greyPng } from "./png.js";
import type { ExampleSlice } from "./report.js";

export interface Pictures {
  examples: ExampleSlice[];
  /** A montage of each failure, by the id of its volume. */
  failures: ReadonlyMap<string, { source: string; alternative: string }>;
}

interface PictureOptions {
  main: Predictions;
  evidence: readonly Evidence[];
  failures: readonly Failure[];
  opened: OpenRun;
}

/** @param volumes of the scored part, in the order of the predictions */
export function pictures(dataset: Dataset, volumes: readonly TaskVolume[], options: PictureOptions): Pictures {
  const { main, evidence, failures, opened } = options;
  const window = windowOf(opened);
  const classes = opened.task.classes.names;
  const byId = new Map(volumes.map((volume) => [volume.id, volume]));
  const montages = failures.flatMap((failure) => {
    const volume = byId.get(failure.id);
    return volume === undefined ? [] : [[failure.id, montage(dataset, volume, failure, window)] as const];
  });
  return {
    examples: exampleSlices(dataset, volumes, { main, evidence, classes, window }),
    failures: new Map(montages),
  };
}

/** Values shown as black and white: the model's first window, else all. */
function windowOf({ config, dataset }: OpenRun): [number, number] {
  return config.transform.window ?? config.transform.windows?.[0] ?? dataset.info.range;
}

const COLUMNS = 3;
const TILES = 6;
const GAP = 3;
/** Longest side of a tile in pixels. */
const TILE = 160;

/** Six slices: those that counted most, else at even distances; in slice order, three in a row. */
function montage(dataset: Dataset, volume: TaskVolume, { slices, id }: Failure, window: [number, number]) {
  const spread = Array.from({ length: TILES }, (_, k) => Math.floor(((k + 0.5) * volume.count) / TILES));
  const known = slices.length > 0;
  const chosen = [...new Set(known ? slices.map(({ slice }) => slice) : spread)].sort((a, b) => a - b);
  const { height, width } = dataset.info;
  const step = Math.max(1, Math.ceil(Math.max(height, width) / TILE));
  const [tileHeight, tileWidth] = [Math.floor(height / step), Math.floor(width / step)];
  const columns = Math.min(COLUMNS, chosen.length);
  const [rows, across] = [Math.ceil(chosen.length / columns), columns * (tileWidth + GAP) - GAP];
  const down = rows * (tileHeight + GAP) - GAP;
  const grey = new Uint8Array(across * down).fill(255);
  chosen.forEach((slice, k) => {
    const values = windowed(readStored(dataset, volume.first + slice, 1), window);
    const [left, top] = [(k % columns) * (tileWidth + GAP), Math.floor(k / columns) * (tileHeight + GAP)];
    for (let y = 0; y < tileHeight; y++)
      for (let x = 0; x < tileWidth; x++)
        grey[(top + y) * across + left + x] = blockMean(values, width, x * step, y * step, step);
  });
  const numbers = chosen.map((slice) => slice + 1).join(", ");
  const what = known ? "The axial slices that counted most" : "Axial slices at even distances";
  return {
    source: `data:image/png;base64,${greyPng(grey, across, down).toString("base64")}`,
    alternative: `${what} of volume ${id}, from left to right and top to bottom: slices ${numbers} of ${volume.count}.`,
  };
}

function blockMean(values: Uint8Array, width: number, left: number, top: number, size: number): number {
  let sum = 0;
  for (let y = top; y < top + size; y++) for (let x = left; x < left + size; x++) sum += values[y * width + x]!;
  return Math.round(sum / (size * size));
}
