/** What the published keys overfit and no_transform do to a training. */
import assert from "node:assert/strict";
import { scope } from "@slicestack/torch";
import type { Task } from "../../src/data/task.js";
import { createSliceModel } from "../../src/models/create-by-name.js";
import { sliceTransform } from "../../src/input/of-config.js";
import { datasetSource } from "../../src/input/source.js";
import { SliceStore } from "../../src/input/slices.js";
import { loadConfig } from "../../src/config/load.js";
import { sliceStage, trainingVolumes } from "../../src/train/slice-stage.js";
import { leakFree, randomDataset } from "../models/support.js";
import { ofMethod } from "../config/of-method.js";
import { runStageHere } from "./toy.js";

const compute = { device: "cpu", bfloat16: false };
const flat = (text: string, overrides: Record<string, string> = {}) =>
  ofMethod(
    loadConfig({
      text: `{dataset_id: 2d, model: 2d_cnn, weighted: false, batch_size: 16, ${text}}`,
      overrides,
    }),
    "2d",
  );

/** 24 volumes of 3 classes, each class in one row. */
function example(folder: string): { dataset: ReturnType<typeof randomDataset>; task: Task } {
  const dataset = randomDataset(folder, new Array<number>(24).fill(2), [8, 8]);
  const volumes = dataset.volumes.map((volume, k) => ({ ...volume, label: Math.floor(k / 8) }));
  const classes = {
    count: 3,
    names: ["a", "b", "c"],
    ordinal: false,
    mapping: new Map([0, 1, 2].map((k) => [k, k])),
  };
  return { dataset, task: { classes, parts: { train: volumes, val: volumes.slice(0, 4), test: [] } } };
}

leakFree(
  "overfit: always the same eight volumes, of every class although the data set is sorted by class; the model fits them",
  (folder) => {
    const run = flat("overfit: true, no_transform: true, num_epochs: 30, learning_rate: 0.003", {
      "slice.schedule": "constant",
    });
    const { dataset, task } = example(folder);
    const chosen = trainingVolumes(run, task);
    assert.deepEqual(
      chosen.map(({ label }) => label),
      [0, 0, 0, 1, 1, 1, 2, 2],
    );
    assert.deepEqual(trainingVolumes(run, task), chosen);
    assert.equal(trainingVolumes(flat("overfit: false"), task).length, 24);
    using store = new SliceStore(datasetSource(dataset), sliceTransform(run, dataset, "cpu"));
    using model = createSliceModel(run.slice, 3, [8, 8]);
    const stage = sliceStage({ config: run, task, store, model, compute, metadata: {} });
    const seen = new Set(
      stage
        .batches(0)
        .concat(stage.batches(7))
        .flat()
        .map(({ index }) => index),
    );
    assert.deepEqual(
      [...seen].sort((a, b) => a - b),
      chosen.flatMap((one) => store.slicesOf(one)),
    );
    const { rows } = runStageHere(stage, folder);
    assert.ok(rows.at(-1)!.train_loss < 0.05, `from ${rows[0]!.train_loss} to ${rows.at(-1)!.train_loss}`);
  },
);

leakFree(
  "no_transform: training slices are the plain ones in every epoch; without it they change from epoch to epoch, by the seed",
  (folder) => {
    const { dataset, task } = example(folder);
    const inputs = (text: string, seed = "0") => {
      const run = flat(text, { seed });
      using store = new SliceStore(datasetSource(dataset), sliceTransform(run, dataset, "cpu"));
      using model = createSliceModel(run.slice, 3, [8, 8]);
      const stage = sliceStage({ config: run, task, store, model, compute, metadata: {} });
      const batch = stage.batches(0)[0]!;
      const of = (epoch: number) =>
        scope(() =>
          (stage.input(batch, epoch, 0) as { unit_BCHW: { toArray(): number[] } }).unit_BCHW.toArray(),
        );
      return {
        plain: scope(() => store.unit(batch.map(({ index }) => index)).toArray()),
        first: of(0),
        second: of(1),
      };
    };
    const off = inputs("no_transform: true");
    assert.deepEqual([off.first, off.second], [off.plain, off.plain]);
    const on = inputs("no_transform: false");
    assert.notDeepEqual(on.first, on.plain);
    assert.notDeepEqual(on.second, on.first);
    assert.deepEqual(inputs("no_transform: false").first, on.first);
    assert.notDeepEqual(inputs("no_transform: false", "1").first, on.first);
  },
);
