/** Frozen slice models: embeddings, what they are made of, and the probabilities that come from them. */
import assert from "node:assert/strict";
import { readdirSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { cat, manualSeed, noGrad, scope } from "@slicestack/torch";
import type { RunConfig } from "../../src/config/types.js";
import type { Dataset } from "../../src/data/store.js";
import type { Task } from "../../src/data/task.js";
import { volumeEmbeddings, type FeatureSource } from "../../src/predict/features.js";
import { classifyEmbeddings, embedSlices, predictSlices } from "../../src/predict/forward.js";
import { createSliceModel } from "../../src/models/create-by-name.js";
import { sliceTransform } from "../../src/input/of-config.js";
import { datasetSource } from "../../src/input/source.js";
import { SliceStore } from "../../src/input/slices.js";
import { sliceStage } from "../../src/train/slice-stage.js";
import { ofMethod } from "../config/of-method.js";
import { config, leakFree, randomDataset, twoClasses, Watcher } from "./support.js";

const compute = { device: "cpu", bfloat16: false };
const upTo = (count: number) => Array.from({ length: count }, (_, k) => k);
const storeOf = (dataset: Dataset, run: RunConfig = config()) =>
  new SliceStore(datasetSource(dataset), sliceTransform(run, dataset, "cpu"));

leakFree(
  "trap 5: embeddings of a model left in training mode have the same bits each time and beside any slices, batches being of one size",
  (folder) => {
    manualSeed(1);
    using store = storeOf(randomDataset(folder, [9], [32, 32]));
    using model = createSliceModel({ model: "resnet18", dropout: 0.5 }, 2, [32, 32]);
    const buffers = () => [...model.namedBuffers()].map(([name, buffer]) => [name, buffer.toArray()]);
    const before = buffers();
    const embed = (indices: number[]) => {
      model.train();
      return scope(() => embedSlices(model, store, indices, compute).toArray());
    };
    const first = embed([0, 1, 2]);
    assert.ok(new Set(first).size > model.embedding, "three slices with embeddings of their own");
    assert.deepEqual(embed([0, 1, 2]), first);
    const own = (values: number[]) => values.slice(0, model.embedding);
    for (const [a, b] of [
      [3, 4],
      [5, 6],
      [7, 8],
      [0, 0],
    ] as const)
      assert.deepEqual(own(embed([0, a, b])), own(first), `slice 0 beside ${a} and ${b}`);
    assert.deepEqual(embed([0, 1, 2]), first);
    assert.deepEqual(buffers(), before, "running statistics");
  },
);

for (const size of [null, "[8, 10]"]) {
  leakFree(
    `trap 6: training, embedding and prediction show the model the same bits (size ${size ?? "as prepared"})`,
    (folder) => {
      const run = config({
        "transform.window": "[-1000, 400]",
        ...(size === null ? {} : { "slice.size": size }),
      });
      const dataset = randomDataset(folder, [3, 2], [16, 12]);
      using store = storeOf(dataset, run);
      let seen: number[] = [];
      const model = new Watcher((x_BCHW) => (seen = x_BCHW.toArray()));
      const watched = (see: () => unknown): number[] => {
        seen = [];
        scope(() => void see());
        return seen;
      };
      const task: Task = {
        classes: twoClasses,
        parts: { train: dataset.volumes, val: dataset.volumes, test: [] },
      };
      const stage = sliceStage({ config: ofMethod(run, "2.5d"), task, store, model, compute, metadata: {} });
      const batch = upTo(5).map((index) => ({ index, label: 0, subject: "s" }));

      const trained = watched(() => stage.loss(stage.input(batch, 0, 0), { first: 0, count: 5 }));
      const embedded = watched(() => embedSlices(model, store, upTo(5), compute));
      const predicted = watched(() => predictSlices(model, store, upTo(5), compute));
      const validated = watched(() => stage.validate());
      assert.equal(trained.length, 5 * 3 * (size === null ? 16 * 12 : 8 * 10));
      assert.deepEqual(embedded, trained);
      assert.deepEqual(predicted, trained);
      assert.deepEqual(validated, trained);
      // 0 and 1 of the window, normalised; both are reached where nothing is resized.
      const [low, high] = [-0.485 / 0.229, (1 - 0.485) / 0.229];
      assert.ok(trained.every((value) => value > low - 1e-5 && value < high + 1e-5));
      if (size !== null) return;
      assert.ok(Math.abs(Math.min(...trained) - low) < 1e-5 && Math.abs(Math.max(...trained) - high) < 1e-5);
    },
  );
}

leakFree(
  "trap 10: embeddings are computed once and kept by weights, transform, data and slices; a damaged entry is computed again",
  (folder) => {
    process.env["XDG_CACHE_HOME"] = join(folder, "cache");
    const dataset = randomDataset(folder, [3, 4], [16, 12]);
    const volumes = dataset.volumes;
    using store = storeOf(dataset);
    using narrow = storeOf(dataset, config({ "transform.window": "[-160, 240]" }));
    let passes = 0;
    const model = new Watcher(() => passes++);
    const source: FeatureSource = { model, weightsHash: "w1", store, datasetHash: "d1" };
    const ask = (change: Partial<FeatureSource> = {}, asked = volumes) =>
      scope(() => {
        const before = passes;
        const {
          features_N,
          volumes: placed,
          cached,
        } = volumeEmbeddings({ ...source, ...change }, asked, compute);
        assert.equal(cached, passes === before, "from the cache means no pass through the model");
        return { cached, values: features_N.toArray(), placed };
      });

    const first = ask();
    assert.equal(first.cached, false);
    assert.deepEqual(first.placed, [
      { offset: 0, count: 3 },
      { offset: 3, count: 4 },
    ]);
    assert.deepEqual(ask(), { ...first, cached: true });
    assert.equal(passes, 1);

    const others = [ask({ weightsHash: "w2" }), ask({ datasetHash: "d2" }), ask({ store: narrow })];
    assert.deepEqual(
      others.map(({ cached }) => cached),
      [false, false, false],
    );
    assert.notDeepEqual(others[2]?.values, first.values);
    assert.equal(ask({}, volumes.slice(1)).cached, false);
    assert.deepEqual(ask(), { ...first, cached: true });

    const kept = join(folder, "cache", "slicestack", "embeddings");
    const files = readdirSync(kept);
    assert.equal(files.length, 5);
    for (const file of files) truncateSync(join(kept, file), 40);
    // Voxels without a hash are never kept: two scans would be taken for one.
    assert.deepEqual([ask({ datasetHash: null }).cached, ask({ datasetHash: null }).cached], [false, false]);
    assert.equal(readdirSync(kept).length, 5);
    assert.deepEqual(ask(), first);
    assert.deepEqual(ask(), { ...first, cached: true });
  },
);

for (const name of ["resnet18", "slice_cnn"] as const) {
  leakFree(
    `classifyEmbeddings(embedSlices) of 130 slices has the bits of the whole model's softmax (${name})`,
    (folder) => {
      manualSeed(5);
      const indices = upTo(130);
      using store = storeOf(randomDataset(folder, [130], [32, 32]));
      using model = createSliceModel({ model: name, dropout: 0.3 }, 3, [32, 32]);
      const embedding_NE = embedSlices(model, store, indices, compute);
      assert.deepEqual(embedding_NE.shape, [130, model.embedding]);
      model.train();
      const twoSteps = classifyEmbeddings(model, embedding_NE, compute).toArray();

      model.eval();
      const whole = noGrad(() =>
        cat(
          [indices.slice(0, 128), indices.slice(128)].map((batch) =>
            model.forward(store.normalise(store.unit(batch), model.channels)),
          ),
        ).softmax(1),
      ).toArray();
      assert.ok(new Set(whole).size > 130, "slices differ");
      assert.deepEqual(twoSteps, whole);
      assert.deepEqual(predictSlices(model, store, indices, compute).toArray(), whole);
    },
  );
}
