/** A trained model predicts from its ModelSpec and weights alone, without its data set. */
import assert from "node:assert/strict";
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { liveTensors } from "@slicestack/torch";
import { openDataset, readStored } from "../../src/data/store.js";
import { evaluate } from "../../src/tasks/evaluate.js";
import { readPredictions } from "../../src/evaluate/predictions.js";
import { datasetSource, memorySource, type VoxelSource } from "../../src/input/source.js";
import { readSpec } from "../../src/models/spec-file.js";
import { loadFrom, openModel } from "../../src/predict/open-model.js";
import type { Predicted } from "../../src/predict/prediction.js";
import { predictorOf } from "../../src/predict/predictor.js";
import type { Volume } from "../../src/predict/features.js";
import { readSplit } from "../../src/data/split/split.js";
import { RunError, runPaths } from "../../src/run/folder.js";
import { train } from "../../src/tasks/train.js";
import { oneEpoch, scratch, smallConfig, smallDataset } from "../train/support.js";

const folder = scratch();
const compute = { device: "cpu", bfloat16: false };
let data = "";

before(async () => {
  data = await smallDataset(folder);
});

const kinds: Record<string, Record<string, string>> = {
  "2d, three planes": { method: "2d", "transform.planes": "three", "transform.neighbours": "3" },
  "2.5d": { "head.model": "attention" },
  "2.5d on sampled slices, fine-tuned": { "head.slices": "5", "head.model": "gru", "fine_tune.epochs": "1" },
  "2.5d on maps": { "head.model": "maps_3d" },
  "2d with test-time views, three planes": {
    method: "2d",
    "transform.planes": "three",
    "transform.test_time_flips": "[horizontal, vertical, slices]",
    "transform.test_time_shift": "2",
  },
  "2.5d with test-time views": {
    "head.model": "gru",
    "transform.test_time_flips": "[horizontal, slices]",
    "transform.test_time_window": "0.05",
  },
  "3d with test-time views": {
    method: "3d",
    "network.model": "attn",
    "network.size": "[32, 32, 32]",
    "transform.test_time_flips": "[slices]",
  },
  "3d": { method: "3d", "network.model": "attn", "network.size": "[32, 32, 32]" },
};

for (const [kind, keys] of Object.entries(kinds))
  test(`${kind}: without the data set, from volumes in memory, the probabilities are those of predictions.csv`, async () => {
    const run = join(folder, kind);
    const config = smallConfig({ ...oneEpoch(keys["method"]), precision: "float32", ...keys });
    await train({ config, data, out: run });
    await evaluate({ run, resamples: 50, images: false });
    const { source, volumes } = inMemory(data, run);
    const before = liveTensors();
    const gone = `${data}-gone`;
    renameSync(data, gone);
    try {
      const model = main(predicted(run, source(), volumes));
      const written = readPredictions(runPaths(run).predictions).find(
        (one) => one.part === "test" && one.model === model.name,
      )!;
      assert.deepEqual(
        written.ids,
        volumes.map(({ id }) => id),
      );
      // The vote divides by the sum of its means, which is 1 but for the last digits.
      const tolerance = model.name === "2d_vote" ? 1e-7 : 0;
      model.probabilities.flat().forEach((value, k) => {
        const expected = written.probabilities.flat()[k]!;
        assert.ok(
          Math.abs(value - expected) <= tolerance,
          `value ${k}: ${value}, in predictions.csv ${expected}`,
        );
      });
      assert.equal(liveTensors(), before);
    } finally {
      renameSync(gone, data);
    }
  });

test("a run of before model.json is scored as it was, by its configuration and its data", async () => {
  const run = join(folder, "2.5d");
  const before = readFileSync(runPaths(run).predictions, "utf8");
  const spec = readFileSync(runPaths(run).model, "utf8");
  rmSync(runPaths(run).model);
  assert.equal(readSpec(run), null);
  await evaluate({ run, resamples: 50, images: false });
  assert.equal(readFileSync(runPaths(run).predictions, "utf8"), before);
  writeFileSync(runPaths(run).model, spec);
});

test("a model.json that was edited, or is of a later version, is refused by name", () => {
  const run = join(folder, "2.5d");
  const file = runPaths(run).model;
  const whole = readFileSync(file, "utf8");
  const refused = (text: string, problem: RegExp) => {
    writeFileSync(file, text);
    assert.throws(
      () => readSpec(run),
      (error) => error instanceof RunError && error.message.startsWith(file) && problem.test(error.message),
    );
  };
  refused(whole.replace('"attention"', '"mean"'), /edited by hand, or damaged/);
  refused(whole.slice(0, 100), /cannot be read/);
  const { sha256: _, ...spec } = JSON.parse(whole) as Record<string, unknown>;
  refused(JSON.stringify({ ...spec, version: 3 }), /version: .*Restore it/);
  writeFileSync(file, whole);
  assert.deepEqual(readSpec(run)?.method, "2.5d");
});

test("a predictor accepts volumes other than those of training, and refuses depths for which a flatten head has no weights", async () => {
  const run = join(folder, "flatten");
  await train({
    config: smallConfig({ "slice.epochs": "1", "head.epochs": "1", "head.model": "flatten" }),
    data,
    out: run,
  });
  const { height, width, dtype } = datasetInfo(data);
  const voxels = new Int16Array(height * width * 9).fill(-400);
  const source = memorySource({ height, width, dtype }, [{ voxels, count: 9, spacing: [1, 1, 1] }]);
  assert.throws(() => predicted(run, source, [{ id: "deep", first: 0, count: 9 }]), {
    name: "ModelError",
    message:
      "flatten: was trained for volumes of 8 slices, volume deep has 9. Prepare the data with --depth 8.",
  });
});

function predicted(run: string, source: VoxelSource, volumes: readonly Volume[]): Predicted {
  using model = openModel(readSpec(run)!, loadFrom(runPaths(run).best), "cpu");
  using predictor = predictorOf(model, source, compute);
  return predictor.predict(volumes);
}

/** The model that decides; in 2D the mean of the slices. */
function main({ models, slices }: Predicted): { name: string; probabilities: number[][] } {
  const last = models.at(-1);
  if (last !== undefined) return { name: last.model, probabilities: last.probabilities };
  const { counts, probabilities } = slices!;
  const classes = probabilities.length / counts.reduce((sum, count) => sum + count, 0);
  let row = 0;
  const means = counts.map((count) => {
    const sums = new Array<number>(classes).fill(0);
    for (let k = 0; k < count; k++, row++)
      for (let c = 0; c < classes; c++) sums[c]! += probabilities[row * classes + c]!;
    return sums.map((sum) => sum / count);
  });
  return { name: "2d_vote", probabilities: means };
}

function datasetInfo(directory: string) {
  return openDataset(directory).info;
}

/** The test volumes of a run, read before the data set goes. */
function inMemory(directory: string, run: string): { source: () => VoxelSource; volumes: Volume[] } {
  const dataset = openDataset(directory);
  const { height, width, dtype } = dataset.info;
  const ids = new Set(readSplit(runPaths(run).split).parts.test);
  const tested = dataset.volumes.filter(({ id }) => ids.has(id));
  const given = tested.map(({ first, count, geometry }) => ({
    voxels: readStored(dataset, first, count),
    count,
    spacing: geometry.spacing,
  }));
  let first = 0;
  const volumes = tested.map(({ id, count }) => ({ id, first: (first += count) - count, count }));
  return { source: () => memorySource({ height, width, dtype }, given), volumes };
}

test("a mapped data set and the same volumes in memory hold the same values", () => {
  const dataset = openDataset(data);
  const before = liveTensors();
  {
    using mapped = datasetSource(dataset);
    const { height, width, dtype } = dataset.info;
    const given = dataset.volumes.map(({ first, count, geometry }) => ({
      voxels: readStored(dataset, first, count),
      count,
      spacing: geometry.spacing,
    }));
    using held = memorySource({ height, width, dtype }, given);
    assert.deepEqual(
      held.volumes.map(({ first, count }) => [first, count]),
      mapped.volumes.map(({ first, count }) => [first, count]),
    );
    assert.deepEqual(held.stored_NHW.toTypedArray(), mapped.stored_NHW.toTypedArray());
  }
  assert.equal(liveTensors(), before);
});

test("a stored run of version 0.1 gives the predictions that it gave then", async () => {
  const stored = join(folder, "version-0.1");
  cpSync(new URL("../../../../../fixtures/runs/version-0.1", import.meta.url).pathname, stored, {
    recursive: true,
  });
  for (const stage of ["slice", "volume"]) {
    const file = join(stored, "run/checkpoints", stage, "best.safetensors");
    writeFileSync(file, gunzipSync(readFileSync(`${file}.gz`)));
    rmSync(`${file}.gz`);
  }
  const run = join(stored, "run");
  const then = readPredictions(runPaths(run).predictions);
  await evaluate({ run, resamples: 50, images: false });
  const now = readPredictions(runPaths(run).predictions);
  assert.deepEqual(
    now.map(({ model, part, ids }) => [model, part, ids]),
    then.map(({ model, part, ids }) => [model, part, ids]),
  );
  // On another machine the last bits may be others.
  now.forEach(({ model, probabilities }, k) => {
    const largest = Math.max(
      ...probabilities.flat().map((value, n) => Math.abs(value - then[k]!.probabilities.flat()[n]!)),
    );
    assert.ok(largest < 1e-5, `${model}: ${largest}`);
  });
});
