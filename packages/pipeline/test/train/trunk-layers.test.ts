/** Fine-tuning with a smaller learning rate for the trunk, and with layers that join one after the other. */
import assert from "node:assert/strict";
import { manualSeed, scope, type Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import type { Task } from "../../src/data/task.js";
import { datasetSource } from "../../src/input/source.js";
import { SliceStore } from "../../src/input/slices.js";
import { sliceTransform } from "../../src/input/of-config.js";
import { createHeadFor, createSliceModel } from "../../src/models/create-by-name.js";
import { Joint } from "../../src/models/trunk-with-head.js";
import { fineTuneStage } from "../../src/train/fine-tune-stage.js";
import { refuseMissingGradients } from "../../src/train/missing-gradients.js";
import { createOptimizer } from "../../src/train/optimisation.js";
import { backwardBatch } from "../../src/train/step.js";
import { trainLastLayers, trunkLayers } from "../../src/train/trunk-layers.js";
import { leakFree, randomDataset, stacked, twoClasses } from "../models/support.js";

leakFree("the layers of trunks, from the first to the last, without the classifier", () => {
  const namesOf = (model: string): string[] => {
    using trunk = createSliceModel({ model, dropout: 0 }, 2, [64, 64]);
    const names = new Map([...trunk.namedParameters()].map(([name, parameter]) => [parameter, name]));
    return trunkLayers(trunk).map(([first]) => names.get(first as never)!);
  };
  assert.deepEqual(namesOf("resnet18"), [
    "resnet.conv1.weight",
    "resnet.bn1.weight",
    "resnet.layer1.0.conv1.weight",
    "resnet.layer2.0.conv1.weight",
    "resnet.layer3.0.conv1.weight",
    "resnet.layer4.0.conv1.weight",
    "custom_layers.0.weight",
    "custom_layers.3.weight",
  ]);
  assert.equal(namesOf("slice_cnn").length, 8);
  assert.equal(namesOf("efficientnet_lite0").at(-1), "backbone.features.8.0.weight");
  assert.deepEqual(namesOf("vit_small").slice(-2), [
    "backbone.blocks.11.norm1.weight",
    "backbone.norm.weight",
  ]);
});

const settings = {
  "head.model": "attention",
  "head.dropout": "0",
  "fine_tune.epochs": "3",
  "fine_tune.optimizer": "sgd",
  "fine_tune.momentum": "0",
  "fine_tune.learning_rate": "0.1",
};

/** One step of fine-tuning in an epoch. @returns how far each parameter has moved */
function step(folder: string, keys: Record<string, string>, epoch: number): Map<string, number> {
  const run = stacked({ ...settings, ...keys });
  const dataset = randomDataset(folder, [3, 2], [32, 32]);
  const train = dataset.volumes.map((volume, k) => ({ ...volume, label: k }));
  const task: Task = { classes: twoClasses, parts: { train, val: train, test: [] } };
  const compute = { device: "cpu", bfloat16: false };
  manualSeed(8);
  using store = new SliceStore(datasetSource(dataset), sliceTransform(run, dataset, "cpu"));
  const trunk = createSliceModel({ model: "slice_cnn", dropout: 0 }, 2, [32, 32]);
  using model = new Joint({ trunk, head: createHeadFor(run.head, trunk, { slices: 3, classes: 2 }) });
  const stage = fineTuneStage({ config: run, task, store, model, slices: 3, compute, metadata: {} });
  const before = copies(model);
  model.train();
  const trainable = model.parameters();
  using optimizer = createOptimizer(stage.groups?.(0.1) ?? trainable, run.fineTune);
  stage.chooseTrained?.(epoch);
  scope(() => backwardBatch(stage, stage.input(train, epoch, 0), train.length, 1, compute));
  refuseMissingGradients(stage, { epoch, step: 0 });
  optimizer.step(0.1);
  const moved = [...model.namedParameters()].map(([name, parameter]): [string, number] => {
    const far = scope(() => parameter.sub(before.get(name)!).square().sum().sqrt().item());
    return [name, far];
  });
  for (const tensor of before.values()) tensor.dispose();
  return new Map(moved);
}

const copies = (model: Module): Map<string, Tensor> =>
  new Map([...model.namedParameters()].map(([name, x]) => [name, x.detach().clone()]));

leakFree("trunk_rate 0.1: the trunk moves a tenth as far, the head as before", (folder) => {
  const [plain, slow] = [step(folder, {}, 0), step(folder, { "fine_tune.trunk_rate": "0.1" }, 0)];
  for (const [name, far] of plain) {
    const expected = name.startsWith("trunk.") ? 0.1 * far : far;
    assert.ok(
      Math.abs(slow.get(name)! - expected) <= 1e-3 * expected + 1e-7,
      `${name}: ${slow.get(name)}, ${expected}`,
    );
  }
  assert.ok(plain.get("trunk.conv1.weight")! > 0);
});

leakFree(
  "unfreeze 3: at first the head alone, then the last three layers of the trunk, then six",
  (folder) => {
    const movedIn = (epoch: number) =>
      [...step(folder, { "fine_tune.unfreeze": "3" }, epoch)]
        .filter(([, far]) => far > 0)
        .map(([name]) => name);
    const trunkIn = (epoch: number) => movedIn(epoch).filter((name) => /^trunk\..*weight$/.test(name));
    assert.ok(movedIn(0).some((name) => name.startsWith("head.")));
    assert.deepEqual(trunkIn(0), []);
    assert.deepEqual(trunkIn(1), ["trunk.bn3.weight", "trunk.fc1.weight", "trunk.fc2.weight"]);
    assert.equal(trunkIn(2).length, 6);
  },
);

leakFree("a count above the number of layers trains all", () => {
  using trunk = createSliceModel({ model: "slice_cnn", dropout: 0 }, 2, [32, 32]);
  const layers = trunkLayers(trunk);
  trainLastLayers(layers, 0);
  assert.ok(layers.flat().every(({ requiresGrad }) => !requiresGrad));
  trainLastLayers(layers, 99);
  assert.ok(layers.flat().every(({ requiresGrad }) => requiresGrad));
});
