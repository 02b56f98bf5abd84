/** Validation calls the functions below the Predictor: their scores are those of the Predictor on the validation set. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { StageName } from "../../src/config/stages.js";
import { datasetSource } from "../../src/input/source.js";
import { specOfRun } from "../../src/models/spec-file.js";
import { loadFromRun, openModel } from "../../src/predict/open-model.js";
import type { Predicted } from "../../src/predict/prediction.js";
import { predictorOf } from "../../src/predict/predictor.js";
import { runPaths } from "../../src/run/folder.js";
import { openRun } from "../../src/run/open-run.js";
import { readTrainingRows } from "../../src/run/training-rows.js";
import { meanVote } from "@slicestack/stats";
import { validationScores } from "../../src/train/validation-scores.js";
import { train } from "../../src/tasks/train.js";
import { oneEpoch, scratch, tinyConfig, tinyDataset } from "../train/support.js";

/** The mean probabilities of each volume's slices. */
function meanVotes({ slices }: Predicted, classes: number): number[][] {
  let next = 0;
  return slices!.counts.map((count) =>
    meanVote(
      Array.from({ length: count }, () => [
        ...slices!.probabilities.subarray(next * classes, ++next * classes),
      ]),
    ),
  );
}

const probabilitiesOf = (name: string, predicted: Predicted) =>
  predicted.models.find(({ model }) => model === name)!.probabilities;

const folder = scratch();
const data = tinyDataset(folder);

for (const [method, more] of [
  ["2.5d", { "fine_tune.epochs": "1" }],
  ["3d", { "network.model": "attn", "network.size": "[32, 32, 32]" }],
] as const)
  test(`${method}: val_loss of each stage is that of the Predictor`, async () => {
    const run = join(folder, method);
    const config = tinyConfig({
      method,
      precision: "float32",
      ...oneEpoch(method),
      ...(method === "3d" ? {} : { "slice.slices_per_volume": "null" }),
      ...more,
    });
    await train({ config, data: await data, out: run });
    const opened = openRun(run);
    using model = openModel(specOfRun(run, opened), loadFromRun(run, opened), "cpu");
    using predictor = predictorOf(model, datasetSource(opened.dataset), { device: "cpu", bfloat16: false });
    const { val } = opened.task.parts;
    const classes = opened.task.classes.count;
    const predicted = predictor.predict(val);
    const expected: Partial<Record<StageName, number[][]>> =
      method === "3d"
        ? { volume: probabilitiesOf("3d", predicted) }
        : {
            slice: meanVotes(predicted, classes),
            volume: probabilitiesOf("2.5d_frozen", predicted),
            fine_tune: probabilitiesOf("2.5d", predicted),
          };
    const rows = readTrainingRows(runPaths(run).metrics);
    assert.deepEqual(
      rows.map(({ stage, val_loss }) => [stage, val_loss]),
      Object.entries(expected).map(([stage, probabilities]) => [
        stage,
        validationScores(
          val.map(({ label }) => label),
          probabilities,
          classes,
        ).loss,
      ]),
    );
  });
