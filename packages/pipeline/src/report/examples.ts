/** Pictures for the report: of some test volumes the slice that counted most, right and wrong ones. */
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

const most = 10;
/** Longer side in pixels. */
const LONGEST = 240;

/** Two volumes a class, the surest wrong one first where there is one; ten at most. */
export async function exampleSlices(
  dataset: Dataset,
  volumes: readonly TaskVolume[],
  options: ExampleOptions,
): Promise<ExampleSlice[]> {
  const { main, evidence, classes, window } = options;
  const chosen = classes.flatMap((_, label) => {
    const own = volumes
      .map((volume, k) => ({ volume, row: main.probabilities[k] ?? [], k }))
      .filter(({ volume }) => volume.label === label);
    const surest = own.sort((a, b) => Math.max(...b.row) - Math.max(...a.row));
    const wrong = surest.filter(({ row }) => argmax(row) !== label);
    const right = surest.filter(({ row }) => argmax(row) === label);
    return [...wrong.slice(0, 1), ...right].slice(0, 2);
  });
  const made = chosen.slice(0, most).map(async ({ volume, row, k }): Promise<ExampleSlice> => {
    const seen = strongest(evidence[k]);
    const slice = seen?.place ?? Math.floor(volume.count / 2);
    const { source } = await slicePicture(dataset, volume, [slice], { window, longest: LONGEST, columns: 1 });
    const said = argmax(row);
    const [truth, prediction] = [classes[volume.label] ?? "", classes[said] ?? ""];
    const share = seen === null ? "" : `, ${seen.word} ${(seen.weight * 100).toFixed(0)} %`;
    return {
      source,
      alternative: `Axial slice ${slice + 1} of ${volume.count} of volume ${volume.id}: true class ${truth}, predicted ${prediction}; ${viewText(dataset, window)}.`,
      caption: `${volume.id}: ${truth}, predicted ${prediction} (${((row[said] ?? 0) * 100).toFixed(0)} %). Slice ${slice + 1} of ${volume.count}${share}; ${viewText(dataset, window)}.`,
    };
  });
  return Promise.all(made);
}

/** The axial slice that counted most, and how much. */
function strongest(evidence: ExampleOptions["evidence"][number] | undefined) {
  const { weights = null, places = [], word = "weight" } = evidence ?? {};
  if (weights === null) return null;
  const axial = places.flatMap((place, k) => (place === null ? [] : [{ place, weight: weights[k] ?? 0, word }]));
  return axial.reduce<(typeof axial)[number] | null>(
    (best, one) => (best === null || one.weight > best.weight ? one : best),
    null,
  );
}
