/** What the table of models says: multiply-adds by hand and by the literature, memory, sizes that do not fit. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { zeros } from "@slicestack/torch";
import { Linear } from "@slicestack/torch/nn";
import { traceShapes } from "@slicestack/torch/trace";
import { loadConfig } from "../../src/config/load.js";
import { costOf } from "../../src/models/common/flops.js";
import { modelFacts, type ModelFacts } from "../../src/models/model-facts.js";
import { headNames } from "../../src/models/catalogue.js";
import { listedModels } from "../../src/models/model-facts.js";
import { ResNet, type ResNetDepth } from "../../src/models/trunks/resnet.js";

const shape = { size: [128, 128] as [number, number], slices: 64, classes: 5, batch: 1 };

function factsOf(name: string, rows: ModelFacts[] = modelFacts(shape)): ModelFacts {
  return rows.find((row) => row.name === name) ?? assert.fail(`${name} is not in the zoo`);
}

// torchvision's documentation of its weights: GFLOPS (multiply-adds) and parameters, fc of 1000 classes included.
for (const [depth, gigas, parameters] of [
  [18, 1.81, 11_689_512],
  [34, 3.66, 21_797_672],
  [50, 4.09, 25_557_032],
] as [ResNetDepth, number, number][]) {
  test(`ResNet-${depth} at 224 x 224 has the ${gigas} G multiply-adds and the parameters of torchvision's table`, () => {
    const { result, products } = traceShapes(() => {
      using trunk = new ResNet(depth);
      using fc = new Linear(trunk.features, 1000);
      fc.forward(trunk.forward(zeros([1, 3, 224, 224])));
      return trunk.parameterCount() + fc.parameterCount();
    });
    const counted = products.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0);
    assert.equal((counted / 1e9).toFixed(2), String(gigas));
    assert.equal(result, parameters);
  });
}

test("simple at 8 x 16 x 24: multiply-adds and parameters by hand", () => {
  const { cost } = factsOf("simple", modelFacts({ size: [8, 16], slices: 24, classes: 5, batch: 1 }));
  const voxels = 8 * 16 * 24;
  const convolutions = 27 * (1 * 64 * voxels + (64 * 128 * voxels) / 8 + (128 * 256 * voxels) / 64);
  const left = voxels / 512;
  assert.equal(cost?.multiplyAdds, convolutions + 256 * left * 512 + 512 * 5);
  const layers = [1, 64, 128, 256, 512, 1024];
  const blocks = layers.slice(1).map((width, k) => 27 * (layers[k] ?? 0) * width + width + 2 * width);
  const all = blocks.reduce((sum, count) => sum + count, 0) + (256 * left * 512 + 512) + (512 * 5 + 5);
  assert.equal(cost?.parameters, all);
});

test("memory: a batch of two holds twice the activations, the weights stay; a frozen trunk keeps no activations", () => {
  const [one, two] = [1, 2].map((batch) => modelFacts({ ...shape, batch }));
  for (const { name, cost } of two ?? []) {
    const single = factsOf(name, one).cost;
    assert.ok(cost !== null && single !== null, name);
    const { weightBytes, multiplyAdds, parameters, trainable } = single;
    assert.deepEqual({ ...single, activationBytes: 0 }, { ...cost, activationBytes: 0 });
    assert.ok(weightBytes >= 4 * parameters && trainable <= parameters && multiplyAdds > 0, name);
    if (["maps_3d", "two_stage"].includes(name)) continue; // their trunk sees 64 slices at once, whatever the batch
    const ratio = cost.activationBytes / single.activationBytes;
    assert.ok(ratio > 1.95 && ratio < 2.05, `${name}: ${ratio}`);
  }
  const trained = factsOf("custom_resnet", modelFacts({ ...shape, batch: 64 })).cost?.activationBytes ?? 0;
  const frozen = factsOf("two_stage", one).cost?.activationBytes ?? Infinity;
  assert.ok(frozen < trained / 4, `${frozen} against ${trained}`);
});

test("a model that does not accept the size has no cost and gives a reason; the others are not affected", () => {
  const rows = modelFacts({ ...shape, slices: 16 });
  const without = rows.filter(({ cost }) => cost === null);
  assert.deepEqual(
    without.map(({ name }) => name),
    ["simple_modular", "attn"],
  );
  for (const { problem } of without) assert.match(problem ?? "", /at least 32; received 128 x 128 x 16/);
  for (const { cost, problem } of rows) assert.equal(cost === null, problem !== null);
});

test("any other error is passed on", () => {
  assert.throws(() =>
    costOf(() => ({ model: new Linear(2, 3), logits: () => zeros([2]).matmul(zeros([3, 4, 5])) }), [2], 1),
  );
});

test("every head is in the zoo, no name appears twice, and every setting of the zoo is a setting of the configuration", () => {
  const zoo = listedModels();
  const heads = zoo.flatMap(({ kind, name }) => (kind === "head" ? [name] : []));
  assert.deepEqual(heads.sort(), [...headNames].sort());
  assert.equal(new Set(zoo.map(({ name }) => name)).size, zoo.length);
  for (const { config } of modelFacts(shape)) {
    const settings = config.split(", ").map((setting) => setting.split(": "));
    loadConfig({ overrides: Object.fromEntries(settings) as Record<string, string> });
  }
});
