/** Pictures for the report: of some test volumes the slice that counted most, right and wrong ones. */
import type { TaskVolume } from "../../data/task.js";
import { readStored, type Dataset } from "../../data/store.js";
import { windowed } from "../../page/windowed.js";
import { argmax } from "../metrics/confusion.js";
import type { Evidence } from "../analysis/failures.js";
import { greyPng } from "./png.js";
import type { Predictions } from "../predictions.js";
import type { ExampleSlice } from "./report.js";

interface ExampleOptions {
  main: Predictions;
  evidence: readonly Evidence[];
  classes: readonly string[];
  /** Values shown as black and white. */
  window: [number, number];
}

const most = 10;

/** Two volumes a class, the surest wrong one first where there is one; ten at most. */
export function exampleSlices(
  dataset: Dataset,
  volumes: readonly TaskVolume[],
  options: ExampleOptions,
): ExampleSlice[] {
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
  return chosen.slice(0, most).map(({ volume, row, k }) => {
    const seen = strongest(evidence[k]);
    const slice = seen?.place ?? Math.floor(volume.count / 2);
    const { height, width } = dataset.info;
    const png = greyPng(windowed(readStored(dataset, volume.first + slice, 1), window), width, height);
    const said = argmax(row);
    const [truth, prediction] = [classes[volume.label] ?? "", classes[said] ?? ""];
    const share = seen === null ? "" : `, ${seen.word} ${(seen.weight * 100).toFixed(0)} %`;
    return {
      source: `data:image/png;base64,${png.toString("base64")}`,
      alternative: `Axial slice ${slice + 1} of ${volume.count} of volume ${volume.id}: true class ${truth}, predicted ${prediction}.`,
      caption: `${volume.id}: ${truth}, predicted ${prediction} (${((row[said] ?? 0) * 100).toFixed(0)} %). Slice ${slice + 1} of ${volume.count}${share}.`,
    };
  });
}

/** The axial slice that counted most, and how much. */
function strongest(evidence: ExampleOptions["evidence"][number] | undefined) {
  const { weights = null, places = [], word = "weight" } = evidence ?? {};
  if (weights === null) return null;
  const axial = places.flatMap((place, k) => (place === null ? [] : [{ place, weight: weights[k] ?? 0, word }]));
  return axial.reduce<(typeof axial)[number] | null>((best, one) => (best === null || one.weight > best.weight ? one : best), null); // prettier-ignore
}
