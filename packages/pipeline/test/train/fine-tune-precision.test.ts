/** Fine-tuning at the published size of 128 x 128, in the precision that machines with bfloat16 take by default. */
import assert from "node:assert/strict";
import { manualSeed, scope, type Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { AdamW } from "@slicestack/torch/optim";
import type { Task } from "../../src/data/task.js";
import { unusedParameters } from "../../src/models/common/unused-parameters.js";
import { Joint } from "../../src/models/trunk-with-head.js";
import { createHeadFor, createSliceModel } from "../../src/models/create-by-name.js";
import { sliceTransform } from "../../src/input/of-config.js";
import { datasetSource } from "../../src/input/source.js";
import { SliceStore } from "../../src/input/slices.js";
import { fineTuneStage } from "../../src/train/fine-tune-stage.js";
import { refuseMissingGradients } from "../../src/train/missing-gradients.js";
import { backwardBatch } from "../../src/train/step.js";
import { leakFree, randomDataset, stacked, twoClasses } from "../models/support.js";

const copies = (model: Module) =>
  new Map([...model.namedParameters()].map(([name, x]) => [name, x.detach().clone()]));
const gradientsOf = (model: Module) =>
  new Map([...model.namedParameters()].map(([name, x]) => [name, x.grad?.clone() ?? null]));
const dot = (a: Tensor, b: Tensor) => scope(() => a.mul(b).to({ dtype: "float64" }).sum().item());

for (const name of ["slice_cnn", "resnet18", "efficientnet_b0"] as const)
  leakFree(
    `fine_tune of ${name} at 128 x 128 under bfloat16: every weight of trunk and head has the gradient of float32, and changes`,
    (folder) => {
      const run = stacked({
        "head.model": "attention",
        "head.dropout": "0",
        "fine_tune.epochs": "1",
        "fine_tune.chunk": "2",
      });
      const dataset = randomDataset(folder, [3, 2], [128, 128]);
      const train = dataset.volumes.map((volume, k) => ({ ...volume, label: k }));
      const task: Task = {
        classes: twoClasses,
        parts: { train, val: train, test: [] },
      };
      const gradients = [false, true].map((bfloat16) => {
        manualSeed(8);
        const compute = { device: "cpu", bfloat16 };
        using store = new SliceStore(datasetSource(dataset), sliceTransform(run, dataset, "cpu"));
        const trunk = createSliceModel({ model: name, dropout: 0 }, 2, [128, 128]);
        using model = new Joint({ trunk, head: createHeadFor(run.head, trunk, { slices: 3, classes: 2 }) });
        const stage = fineTuneStage({ config: run, task, store, model, slices: 3, compute, metadata: {} });
        const before = copies(model);
        model.train();
        using optimizer = new AdamW(model.parameters(), { learningRate: 1e-3 });
        scope(() => backwardBatch(stage, stage.input(train, 0, 0), train.length, 1, compute));
        refuseMissingGradients(stage, { epoch: 0, step: 0 });
        optimizer.step();
        const unused = unusedParameters(model);
        assert.ok(unused.size === 2, "the trunk's last layer: weight and bias");
        for (const [parameter, tensor] of model.namedParameters())
          if (!unused.has(tensor))
            assert.equal(tensor.eq(before.get(parameter)!).all().item(), 0, `${parameter} moves`);
        return gradientsOf(model);
      });
      const [wide, narrow] = gradients;
      let [product, first, second] = [0, 0, 0];
      for (const [parameter, values] of wide!) {
        const others = narrow!.get(parameter);
        assert.equal(others === null, values === null, parameter);
        if (values === null || others === null || others === undefined) continue;
        product += dot(values, others);
        first += dot(values, values);
        second += dot(others, others);
      }
      const cosine = product / Math.sqrt(first * second);
      assert.ok(cosine > 0.95, `the whole gradient, bfloat16 against float32: cosine ${cosine}`);
    },
  );
