/** Pictures for the report: the slice with the largest weight of some test volumes, correct and wrong ones. */
import { argmax } from "@slicestack/stats";
import type { TaskVolume } from "../data/task.js";
import type { Dataset } from "../data/store.js";
import type { Evidence } from "../evaluate/analysis/failures.js";
import type { Predictions } from "../evaluate/predictions.js";
import type { ExampleSlice } from "./report-input.js";
import { slicePicture, viewText } from "./slice-pictures.js";

interface ExampleOptions {
  main: Predictions;
  evidence: readonly Evidence[];
  classes: readonly string[];
  /** Values shown as black and white. */
  window: [number, number];
}

const MOST = 10;
/** Longer side in pixels. */
const LONGEST = 240;

/** Two volumes per class, the most confident error first if there is one; at most ten. */
export async function exampleSlices(
  dataset: Dataset,
  volumes: readonly TaskVolume[],
  options: ExampleOptions,
): Promise<ExampleSlice[]> {
  const { main, evidence, classes, window } = options;
  const chosen = classes.flatMap((_, label) => {
    const classRows = volumes
      .map((volume, k) => ({ volume, row: main.probabilities[k] ?? [], k }))
      .filter(({ volume }) => volume.label === label);
    const surest = classRows.sort((a, b) => Math.max(...b.row) - Math.max(...a.row));
    const wrong = surest.filter(({ row }) => argmax(row) !== label);
    const right = surest.filter(({ row }) => argmax(row) === label);
    return [...wrong.slice(0, 1), ...right].slice(0, 2);
  });
  const slices = chosen.slice(0, MOST).map(async ({ volume, row, k }): Promise<ExampleSlice> => {
    const strongestSlice = strongest(evidence[k]);
    const slice = strongestSlice?.place ?? Math.floor(volume.count / 2);
    const { source } = await slicePicture(dataset, volume, [slice], { window, longest: LONGEST, columns: 1 });
    const predictedLabel = argmax(row);
    const [truth, prediction] = [classes[volume.label] ?? "", classes[predictedLabel] ?? ""];
    const share =
      strongestSlice === null ? "" : `, ${strongestSlice.word} ${(strongestSlice.weight * 100).toFixed(0)} %`;
    return {
      source,
      alternative: `Axial slice ${slice + 1} of ${volume.count} of volume ${volume.id}: true class ${truth}, predicted ${prediction}; ${viewText(dataset, window)}.`,
      caption: `${volume.id}: ${truth}, predicted ${prediction} (${((row[predictedLabel] ?? 0) * 100).toFixed(0)} %). Slice ${slice + 1} of ${volume.count}${share}; ${viewText(dataset, window)}.`,
    };
  });
  return Promise.all(slices);
}

/** The axial slice with the largest weight. */
function strongest(evidence: ExampleOptions["evidence"][number] | undefined) {
  const { weights = null, places = [], word = "weight" } = evidence ?? {};
  if (weights === null) return null;
  const axial = places.flatMap((place, k) =>
    place === null ? [] : [{ place, weight: weights[k] ?? 0, word }],
  );
  return axial.reduce<(typeof axial)[number] | null>(
    (best, candidate) => (best === null || candidate.weight > best.weight ? candidate : best),
    null,
  );
}
