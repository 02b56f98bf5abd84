/** A batch in pieces has the gradient of the batch in one, whatever the loss; fine-tuning in chunks that of the whole graph. */
import assert from "node:assert/strict";
import { manualSeed, randn, scope, type Tensor } from "@slicestack/torch";
import { Linear, type Module } from "@slicestack/torch/nn";
import type { Task } from "../../src/data/task.js";
import type { Dataset } from "../../src/data/store.js";
import { Joint } from "../../src/models/trunk-with-head.js";
import {
  createHead,
  createHeadFor,
  createSliceModel,
  createVolumeModel,
  outputsOf,
} from "../../src/models/create-by-name.js";
import { SliceModel } from "../../src/models/trunks/slice-model.js";
import { sliceTransform } from "../../src/input/of-config.js";
import { datasetSource } from "../../src/input/source.js";
import { SliceStore } from "../../src/input/slices.js";
import { fineTuneStage } from "../../src/train/fine-tune-stage.js";
import { sliceStage } from "../../src/train/slice-stage.js";
import type { Stage } from "../../src/train/stage.js";
import { backwardBatch, piecesOf } from "../../src/train/step.js";
import { volumeStage } from "../../src/train/volume-stage.js";
import { leakFree, randomDataset, stacked } from "../models/support.js";

const compute = { device: "cpu", bfloat16: false };

/** Gradients of the batch's mean loss. */
function gradients(model: Module, backward: () => number): { loss: number; values: Map<string, number[]> } {
  model.zeroGrad();
  const loss = backward();
  const values = [...model.namedParameters()].map(([name, { grad }]): [string, number[]] => [
    name,
    scope(() => grad?.toArray() ?? []),
  ]);
  return { loss, values: new Map(values) };
}

/** Difference of the whole gradient in norm, against its norm. */
function apart(found: ReadonlyMap<string, number[]>, wanted: ReadonlyMap<string, number[]>): number {
  let [difference, norm] = [0, 0];
  assert.deepEqual([...found.keys()], [...wanted.keys()]);
  for (const [name, values] of wanted) {
    const others = found.get(name)!;
    assert.equal(others.length, values.length, name);
    values.forEach((value, k) => {
      difference += (value - others[k]!) ** 2;
      norm += value ** 2;
    });
  }
  assert.ok(norm > 0);
  return Math.sqrt(difference / norm);
}

/** The loss of the whole batch by one graph, beside the same in pieces. */
function compare<T, I>(stage: Stage<T, I>, batch: T[], tolerance = 2e-5): void {
  stage.model.train();
  const input = stage.input(batch, 0, 0);
  const whole = gradients(stage.model, () =>
    scope(() => {
      const loss = stage.loss(input, { first: 0, count: batch.length });
      loss.backward();
      return loss.item();
    }),
  );
  for (const pieces of [1, 2, 3, batch.length, batch.length + 3]) {
    const split = gradients(stage.model, () => backwardBatch(stage, input, batch.length, pieces, compute));
    const difference = apart(split.values, whole.values);
    assert.ok(difference < tolerance, `${pieces} pieces: ${difference}`);
    assert.ok(
      Math.abs(split.loss / whole.loss - 1) < tolerance,
      `${pieces} pieces: ${split.loss}, ${whole.loss}`,
    );
  }
}

const taskOf = (dataset: Dataset, classes = 3): Task => {
  const volumes = dataset.volumes.map((volume, k) => ({ ...volume, label: k % classes }));
  const names = Array.from({ length: classes }, (_, k) => `c${k}`);
  return {
    classes: { count: classes, names, ordinal: false, mapping: new Map(names.map((_, k) => [k, k])) },
    parts: { train: volumes, val: volumes, test: [] },
  };
};

/** Without batch norm, whose statistics a piece cannot know. */
class Plain extends SliceModel {
  readonly channels = 1;
  readonly embedding = 8;
  readonly mapChannels = 1;
  readonly fc1: Linear;
  readonly fc2: Linear;
  constructor(pixels: number, outputs: number) {
    super();
    this.fc1 = new Linear(pixels, 8);
    this.fc2 = new Linear(8, outputs);
  }
  override featureMaps(x_BCHW: Tensor): Tensor {
    return x_BCHW;
  }
  override embed(x_BCHW: Tensor): Tensor {
    return this.fc1.forward(x_BCHW.flatten(1)).tanh();
  }
  override classify(embedding_BE: Tensor): Tensor {
    return this.fc2.forward(embedding_BE);
  }
}

const losses: Record<string, string>[] = [
  { loss: "cross_entropy" },
  { loss: "cross_entropy", weighted_loss: "true", label_smoothing: "0.1" },
  { loss: "focal", weighted_loss: "true", class_weights: "effective" },
  { loss: "{focal: {alpha: [0.2, 0.5, 1]}}" },
  { loss: "ordinal" },
  { loss: "ordinal", weighted_loss: "true", label_smoothing: "0.1" },
];
const mixing: Record<string, string>[] = [{}, { mixup: "0.4", soft_labels: "true" }, { cutmix: "1" }];
const keysOf = (stage: string, keys: Record<string, string>) =>
  Object.fromEntries(Object.entries(keys).map(([key, value]) => [`${stage}.${key}`, value]));

for (const keys of losses) {
  leakFree(
    `slice stage, ${JSON.stringify(keys)}, plain, mixed and with soft labels: a batch of 7 in 1, 2, 3, 7 and 10 pieces`,
    (folder) => {
      for (const mixed of mixing) {
        manualSeed(3);
        const run = stacked(keysOf("slice", { ...keys, ...mixed }));
        const dataset = randomDataset(folder, [3, 4, 2], [8, 8]);
        using store = new SliceStore(datasetSource(dataset), sliceTransform(run, dataset, "cpu"));
        using model = new Plain(64, outputsOf(run.slice.loss).outputs(3));
        const stage = sliceStage({ config: run, task: taskOf(dataset), store, model, compute, metadata: {} });
        const [batch = []] = stage.batches(0);
        compare(stage, batch.slice(0, 7));
      }
    },
  );

  leakFree(`volume stage, ${JSON.stringify(keys)}: a batch of 5 volumes of different depth in pieces`, () => {
    manualSeed(4);
    const run = stacked({ ...keysOf("head", keys), "head.model": "attention", "head.dropout": "0" });
    const depths = [3, 1, 4, 2, 4];
    let offset = 0;
    const stacks = depths.map((count) => ({ offset: (offset += count) - count, count }));
    const features = { features_N: randn([offset, 6]), volumes: stacks, cached: false };
    const volumes = depths.map((count, k) => ({ subject: String(count), label: k % 3 }));
    using head = createHead({ ...run.head, dropout: 0 }, { embedding: 6, slices: 4, classes: 3 });
    const stage = volumeStage({
      config: run,
      train: { volumes, views: [features] },
      val: { volumes, features },
      head,
      slices: 4,
      classes: 3,
      device: "cpu",
      metadata: {},
    });
    compare(stage, stage.batches(0).flat().slice(0, 5));
  });
}

for (const head of ["attention", "gru"]) {
  leakFree(
    `fine_tune, head ${head}: gradient checkpointing in chunks of 1, 3 and 100 slices has the gradient of the whole graph, in one piece and in several`,
    (folder) => {
      for (const chunk of [1, 3, 100]) {
        manualSeed(5);
        const run = stacked({
          "head.model": head,
          "head.dropout": "0",
          "fine_tune.epochs": "1",
          "fine_tune.chunk": String(chunk),
          "head.weighted_loss": "true",
        });
        const dataset = randomDataset(folder, [4, 2, 3, 1], [16, 16]);
        using store = new SliceStore(datasetSource(dataset), sliceTransform(run, dataset, "cpu"));
        const trunk = createSliceModel({ model: "slice_cnn", dropout: 0.5 }, 3, [16, 16]);
        using model = new Joint({ trunk, head: createHeadFor(run.head, trunk, { slices: 4, classes: 3 }) });
        const stage = fineTuneStage({
          config: run,
          task: taskOf(dataset),
          store,
          model,
          slices: 4,
          compute,
          metadata: {},
        });
        const before = [...trunk.namedBuffers()].map(([, buffer]) => scope(() => buffer.toArray()));
        compare(stage, taskOf(dataset).parts.train);
        assert.deepEqual(
          [...trunk.namedBuffers()].map(([, buffer]) => scope(() => buffer.toArray())),
          before,
          "statistics of batch norm stay",
        );
      }
    },
  );
}

leakFree("with batch norm the pieces differ, as the documentation says, and 3D models run in them", () => {
  manualSeed(6);
  using model = createVolumeModel({ model: "simplebn", dropout: 0, loss: "cross_entropy" }, 2, [8, 8, 8]);
  const x_B1HWD = randn([4, 1, 8, 8, 8]);
  const half = scope(() => model.forward(x_B1HWD.narrow(0, 0, 2)).toArray());
  const whole = scope(() => model.forward(x_B1HWD).narrow(0, 0, 2).toArray());
  assert.ok(whole.some((value, k) => Math.abs(value - half[k]!) > 1e-4));
});

leakFree("pieces of a batch: consecutive, nearly equal, none empty, at most as many as items", () => {
  for (const [items, pieces] of [
    [7, 1],
    [7, 2],
    [7, 3],
    [7, 7],
    [7, 20],
    [1, 4],
  ] as const) {
    const parts = piecesOf(items, pieces);
    assert.equal(parts.length, Math.min(items, pieces));
    let next = 0;
    for (const { first, count } of parts) {
      assert.equal(first, next);
      assert.ok(count >= Math.floor(items / parts.length) && count <= Math.ceil(items / parts.length));
      next += count;
    }
    assert.equal(next, items);
  }
});
