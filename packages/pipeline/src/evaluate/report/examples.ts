/** Pictures for the report: of some test volumes the slice that counted most, right and wrong ones. */
import type { TaskVolume } from "../../data/task.js";
import { readStored, type Dataset } from "../../data/store.js";
import { windowed } from "../../page/windowed.js";
import { argmax } from "../metrics/confusion.js";
import { greyPng } from "./png.js";
import type { Predictions } from "../predictions.js";
import type { ExampleSlice } from "./report.js";

interface ExampleOptions {
  main: Predictions;
  evidence: readonly { id: string; weights: number[] | null }[];
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
    const weights = evidence[k]?.weights ?? null;
    const slice = weights === null ? Math.floor(volume.count / 2) : argmax(weights);
    const { height, width } = dataset.info;
    const png = greyPng(windowed(readStored(dataset, volume.first + slice, 1), window), width, height);
    const said = argmax(row);
    const [truth, prediction] = [classes[volume.label] ?? "", classes[said] ?? ""];
    const share = weights === null ? "" : `, weight ${((weights[slice] ?? 0) * 100).toFixed(0)} %`;
    return {
      source: `data:image/png;base64,${png.toString("base64")}`,
      alternative: `Axial slice ${slice + 1} of ${volume.count} of volume ${volume.id}: true class ${truth}, predicted ${prediction}.`,
      caption: `${volume.id}: ${truth}, predicted ${prediction} (${((row[said] ?? 0) * 100).toFixed(0)} %). Slice ${slice + 1} of ${volume.count}${share}.`,
    };
  });
}
