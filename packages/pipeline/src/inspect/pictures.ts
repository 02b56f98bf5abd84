/** The pictures of one volume, and of a data set. */
import type { Volume } from "@slicestack/volume";
import type { Dataset } from "../data/store.js";
import type { VolumeRecord } from "../data/volume-record.js";
import { animate, animationKind } from "./animation.js";
import { histogramSvg } from "./histogram.js";
import { montageOf, volumeMontage, type Tile } from "./montage.js";
import { times } from "./number-text.js";
import type { Outputs } from "./outputs.js";
import { storedVolume } from "./read.js";
import { grey, spreadSlices, tileSize, type Window } from "./tiles.js";
import type { ValueCounts } from "./values.js";

export interface PictureOptions {
  /** Default: defaultWindow. */
  window: Window;
  /** In a montage. */
  slices: number | "all";
  columns?: number;
  tile?: number;
}

export interface PicturedVolume {
  /** In LPS orientation. */
  volume: Volume;
  /** Title in pictures, without anything that identifies a patient. */
  title: string;
  counts: ValueCounts;
  placed: boolean;
}

export async function writePictures(
  { volume, title, counts, placed }: PicturedVolume,
  options: PictureOptions,
  outputs: Outputs,
): Promise<void> {
  const { shape, spacing, unit } = volume;
  const where = placed
    ? [`${times(spacing)} mm`, windowText(options.window, unit), "the patient's right is on the left"]
    : [windowText(options.window, unit)];
  const line = [title, times(shape), ...where].join(" · ");
  await outputs.write(
    "montage",
    async () => await volumeMontage(volume, { ...options, placed, title: [line] }).png(),
  );
  await outputs.write(
    "animation",
    async (file) => await animate(volume, animationKind(file), { ...options, placed }),
  );
  await writeHistogram(counts, title, unit, options, outputs);
}

/** The middle slice of evenly chosen volumes of the data set, with id and class. */
export async function writeDatasetPictures(
  dataset: Dataset,
  counts: ValueCounts,
  options: PictureOptions,
  outputs: Outputs,
): Promise<void> {
  const { info, volumes } = dataset;
  const chosen = spreadSlices(volumes.length, options.slices).map((k) => volumes[k]!);
  const first = storedVolume(dataset, { ...chosen[0]!, count: 1 });
  // All tiles have one size; volumes whose pixels are not square are stretched to it.
  const size = tileSize(first, options.tile);
  const tiles = chosen.map((record): Tile => {
    const [pixels] = grey(middleOf(dataset, record), [0], options.window, size);
    return { pixels: pixels!, caption: `${info.classes[record.label]!} · ${record.id}` };
  });
  const line = [info.name, "the middle slice of each volume", windowText(options.window, info.unit)].join(
    " · ",
  );
  const columns = options.columns === undefined ? {} : { columns: options.columns };
  await outputs.write(
    "montage",
    async () => await montageOf(tiles, size, { title: [line], ...columns }).png(),
  );
  await writeHistogram(counts, info.name, info.unit, options, outputs);
}

function middleOf(dataset: Dataset, record: VolumeRecord): Volume {
  return storedVolume(dataset, { ...record, first: record.first + Math.floor(record.count / 2), count: 1 });
}

async function writeHistogram(
  counts: ValueCounts,
  title: string,
  unit: Volume["unit"],
  { window }: PictureOptions,
  outputs: Outputs,
): Promise<void> {
  await outputs.writeFigure(
    async () =>
      await histogramSvg(counts, { title: `${unit === "HU" ? "HU" : "Values"} of ${title}`, unit, window }),
  );
}

function windowText([low, high]: Window, unit: Volume["unit"]): string {
  return `window ${String(low).replace("-", "−")} to ${String(high).replace("-", "−")}${unit === "HU" ? " HU" : ""}`;
}
