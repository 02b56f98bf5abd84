/** Settings that would end a stage in its middle, or choose its epoch by nothing, are refused before a run is written. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { manualSeed, scope } from "@slicestack/torch";
import type { ConfigError } from "../../src/config/errors.js";
import { openDataset } from "../../src/data/store.js";
import type { Task } from "../../src/data/task.js";
import { createSliceModel, leastSlices } from "../../src/models/create-by-name.js";
import { sliceTransform } from "../../src/input/of-config.js";
import { datasetSource } from "../../src/input/source.js";
import { SliceStore } from "../../src/input/slices.js";
import { sliceStage } from "../../src/train/slice-stage.js";
import { checkStages } from "../../src/train/stage-checks.js";
import { backwardBatch, piecesOf } from "../../src/train/step.js";
import { train } from "../../src/tasks/train.js";
import { leakFree, randomDataset, stacked, twoClasses } from "../models/support.js";
import { scratch, tinyConfig, tinyDataset } from "./support.js";

const folder = scratch();
let data = "";
before(async () => {
  data = await tinyDataset(folder);
});
const refusal = async (out: string, overrides: Record<string, string>): Promise<ConfigError> => {
  try {
    await train({ config: tinyConfig(overrides), data, out });
  } catch (error) {
    assert.equal((error as Error).name, "ConfigError", String(error));
    assert.ok(!existsSync(out), "nothing was written");
    return error as ConfigError;
  }
  assert.fail("expected a refusal");
};

test("batches of one slice, whose last maps have one pixel: refused with the key to change", async () => {
  const error = await refusal(join(folder, "one"), {
    "slice.model": "resnet18",
    "slice.size": "[32, 32]",
    "slice.batch_size": "1",
  });
  assert.equal(error.key, "slice.batch_size");
  assert.match(
    error.message,
    /expected at least 2, received 1: the last maps of resnet18 on slices of 32 x 32 have one pixel/,
  );
  assert.equal(leastSlices("resnet18", [33, 32]), 1);
  assert.equal(leastSlices("slice_cnn", [16, 16]), 1);
});

test("sizes that no machine can hold: refused with their key, not only with the message of the engine", async () => {
  for (const [key, problem, overrides] of [
    [
      "slice.size",
      /slice_cnn on slices of 100000 x 100000 cannot be built/,
      { "slice.size": "[100000, 100000]" },
    ],
    ["slice.size", /cannot be built/, { "slice.size": "[8, 9007199254740991]" }],
    ["head.model", /head\.model: gru cannot be built/, { "head.model": "{gru: {width: 1000000000}}" }],
    [
      "network.size",
      /simple on volumes of 100000 x 100000 x 8 cannot be built/,
      { method: "3d", "network.model": "simple", "network.size": "[100000, 100000, 8]" },
    ],
  ] as [string, RegExp, Record<string, string>][]) {
    const error = await refusal(join(folder, "large"), overrides);
    assert.equal(error.key, key);
    assert.match(error.message, problem);
    assert.match(
      error.message,
      /on this machine \([^;\n]*\)\. Choose a smaller [a-z. ]+, or another [a-z.]+\.$/,
    );
  }
});

leakFree(
  "as many pieces as slices: the last ones are merged, so that batch norm has two values per channel",
  (own) => {
    manualSeed(2);
    const run = stacked({ "slice.model": "resnet18", "slice.batch_size": "5", "slice.accumulate": "5" });
    const dataset = randomDataset(own, [4, 3], [32, 32]);
    const volumes = dataset.volumes.map((volume, k) => ({ ...volume, label: k }));
    const task: Task = {
      classes: twoClasses,
      parts: { train: volumes, val: volumes, test: [] },
    };
    using store = new SliceStore(datasetSource(dataset), sliceTransform(run, dataset, "cpu"));
    using model = createSliceModel({ model: "resnet18", dropout: 0 }, 2, [32, 32]);
    const stage = sliceStage({
      config: run,
      task,
      store,
      model,
      compute: { device: "cpu", bfloat16: false },
      metadata: {},
    });
    const [batch = []] = stage.batches(0);
    model.train();
    const loss = scope(() =>
      backwardBatch(stage, stage.input(batch, 0, 0), batch.length, 5, { device: "cpu", bfloat16: false }),
    );
    assert.ok(Number.isFinite(loss));
    for (const [items, pieces] of [
      [5, 5],
      [4, 3],
      [3, 2],
      [2, 2],
      [7, 100],
    ] as const)
      assert.ok(
        piecesOf(items, pieces, 2).every(({ count }) => count >= 2),
        `${items} in ${pieces}`,
      );
    assert.deepEqual(piecesOf(1, 3, 2), [{ first: 0, count: 1 }]);
  },
);

test("select auroc with val volumes of one class is refused with its key; with two classes, or by loss, it is not", () => {
  const dataset = openDataset(data);
  const volumes = dataset.volumes.map((volume, k) => ({ ...volume, label: k % 2 }));
  const taskWith = (val: Task["parts"]["val"]): Task => ({
    classes: { count: 2, names: ["healthy", "ill"], ordinal: false, mapping: new Map() },
    parts: { train: volumes, val, test: [] },
  });
  const oneClass = taskWith(volumes.filter(({ label }) => label === 1));
  for (const select of ["auroc", "quadratic_kappa"])
    assert.throws(
      () => checkStages(tinyConfig({ "slice.select": "loss", "head.select": select }), dataset, oneClass, 1),
      {
        name: "ConfigError",
        key: "head.select",
        message: /expects val volumes of at least two classes, all \d+ val volumes are of ill\. Split again/,
      },
    );
  checkStages(tinyConfig({ "slice.select": "auroc", "head.select": "auroc" }), dataset, taskWith(volumes), 1);
  checkStages(tinyConfig({ "slice.select": "loss", "head.select": "loss" }), dataset, oneClass, 1);
});
