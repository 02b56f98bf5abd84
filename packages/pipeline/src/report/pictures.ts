/** Pictures of scans for the report; not called if the user wants no images. */
import type { TaskVolume } from "../data/task.js";
import type { Dataset } from "../data/store.js";
import { spreadSlices } from "../inspect/tiles.js";
import type { OpenRun } from "../run/open-run.js";
import type { Evidence, Failure } from "../evaluate/analysis/failures.js";
import type { Predictions } from "../evaluate/predictions.js";
import { exampleSlices } from "./examples.js";
import type { ExampleSlice, FailurePicture } from "./report-input.js";
import { slicePicture, viewText } from "./slice-pictures.js";

export interface Pictures {
  examples: ExampleSlice[];
  /** A montage of each failure, by the id of its volume. */
  failures: ReadonlyMap<string, FailurePicture>;
}

interface PictureOptions {
  main: Predictions;
  evidence: readonly Evidence[];
  failures: readonly Failure[];
  opened: OpenRun;
}

/** @param volumes of the scored part, in the order of the predictions */
export async function pictures(
  dataset: Dataset,
  volumes: readonly TaskVolume[],
  options: PictureOptions,
): Promise<Pictures> {
  const { main, evidence, failures, opened } = options;
  const window = windowOf(opened);
  const classes = opened.task.classes.names;
  const byId = new Map(volumes.map((volume) => [volume.id, volume]));
  const montages = new Map<string, FailurePicture>();
  for (const failure of failures) {
    const volume = byId.get(failure.id);
    if (volume !== undefined) montages.set(failure.id, await montage(dataset, volume, failure, window));
  }
  return {
    examples: await exampleSlices(dataset, volumes, { main, evidence, classes, window }),
    failures: montages,
  };
}

/** Values shown as black and white: the model's first window, otherwise the range of the data. */
function windowOf({ config, dataset }: OpenRun): [number, number] {
  return config.transform.window ?? config.transform.windows?.[0] ?? dataset.info.range;
}

const COLUMNS = 3;
const TILES = 6;
/** Longer side of a tile in pixels. */
const TILE = 150;

/** Six slices: those with the largest weights, otherwise evenly spaced; in slice order, three in a row. */
async function montage(
  dataset: Dataset,
  volume: TaskVolume,
  { slices, id }: Failure,
  window: [number, number],
) {
  const known = slices.length > 0;
  const chosen = known ? slices.map(({ slice }) => slice) : spreadSlices(volume.count, TILES);
  const sorted = [...new Set(chosen)].sort((a, b) => a - b);
  const { source } = await slicePicture(dataset, volume, sorted, { window, longest: TILE, columns: COLUMNS });
  const numbers = sorted.map((slice) => slice + 1).join(", ");
  const what = known ? "The axial slices with the largest weights" : "Evenly spaced axial slices";
  const view = viewText(dataset, window);
  return {
    source,
    alternative: `${what} of volume ${id}, from left to right and top to bottom: slices ${numbers} of ${volume.count}; ${view}.`,
    view,
  };
}
