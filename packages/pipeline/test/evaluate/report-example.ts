/** A realistic report, binary or of five grades, as evaluate would hand it over. */
import { majorityBaseline } from "../../src/evaluate/baselines/prior.js";
import { drawFigures } from "../../src/evaluate/figures/all.js";
import type { Predictions } from "../../src/evaluate/predictions.js";
import { countPart, type ReportInput } from "../../src/evaluate/report/report.js";
import { compareModels } from "../../src/evaluate/compare/models.js";
import { summarise } from "../../src/evaluate/summary.js";
import type { TrainingRow } from "../../src/evaluate/training-rows.js";
import { simulate } from "./fixture.js";

/** One grey pixel. */
export const PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";

/** Predictions of the four models on the test part; the same volumes for all. */
export function examplePredictions(counts: readonly number[]): Predictions[] {
  const of = (model: string, seed: number, signal: number) => simulate({ model, seed, counts, signal });
  const full = of("2.5d", 1, 1.6);
  const train = counts.flatMap((count, label) => new Array<number>(3 * count).fill(label));
  const majority = {
    ...full,
    model: "majority",
    probabilities: majorityBaseline(train, counts.length, full.ids.length),
  };
  return [majority, of("shortcut", 2, 0.3), of("2d_vote", 3, 1.0), full];
}

function curves(stage: string, epochs: number): TrainingRow[] {
  return Array.from({ length: epochs }, (_, epoch) => {
    const rest = Math.exp(-epoch / (epochs / 3));
    return {
      stage,
      epoch: epoch + 1,
      train_loss: 0.2 + 1.1 * rest,
      val_loss: 0.5 + 0.8 * rest + 0.03 * Math.sin(3 * epoch),
      val_balanced_accuracy: 0.8 - 0.5 * rest + 0.02 * Math.sin(5 * epoch),
      val_macro_f1: 0.76 - 0.52 * rest + 0.02 * Math.cos(4 * epoch),
      seconds: 12,
    };
  });
}

export async function exampleReport(kind: "binary" | "grades"): Promise<ReportInput> {
  const classes = kind === "binary" ? ["benign", "malignant"] : ["CT-0", "CT-1", "CT-2", "CT-3", "CT-4"];
  const counts = kind === "binary" ? [34, 22] : [18, 30, 14, 11, 4];
  const ordinal = kind === "grades";
  const predictions = examplePredictions(counts);
  const options = { classes, seed: 1, ordinal, resamples: 500 };
  const models = summarise(predictions, options);
  const [, shortcut, vote, full] = predictions as [Predictions, Predictions, Predictions, Predictions];
  const differences = [compareModels(full, vote, options), compareModels(full, shortcut, options)];
  const part = (name: string, times: number) =>
    countPart(
      name,
      counts.flatMap((count, label) =>
        Array.from({ length: count * times }, (_, i) => ({ subject: `${name}${label}-${i}`, label })),
      ),
      classes.length,
    );
  return {
    title: kind === "binary" ? "lung_nodules_resnet18" : "phantom_five_grades",
    created: "2026-11-23T09:30:00Z",
    task: { description: `Grades a chest CT volume: ${classes.join(", ")}.`, classes, ordinal },
    dataset: { name: "phantom", hash: "5f1c".repeat(16), contents: "int16, 64 × 128 × 128, HU" },
    split: { seed: 7, hash: "9ab0".repeat(16), parts: [part("train", 3), part("val", 1), part("test", 1)] },
    models,
    mainModel: "2.5d",
    differences,
    figures: await drawFigures(models, differences, [...curves("slice", 12), ...curves("volume", 10)]),
    examples: classes.map((name, i) => ({
      source: PIXEL,
      alternative: `Axial slice of a volume of class ${name}`,
      caption: `Subject ${i}, ${name}, predicted ${name} (0.9${i})`,
    })),
    testReads: 1,
    config: "name: phantom_five_grades\nseed: 1\nslice:\n  model: resnet18\n  learning_rate: 0.001\n  epochs: 12\n",
    command: "npx slicestack train --config configs/phantom.yaml --data demo/data",
    environment: { slicestack: "0.1.0", libtorch: "1.13.1", device: "cpu, 2 threads", node: "20.20.0" },
    warnings: ["The split has 4 test volumes of CT-4."].slice(0, ordinal ? 1 : 0),
  };
}
