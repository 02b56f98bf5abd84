import assert from "node:assert/strict";
import { test } from "node:test";
import { fromTypedArray, manualSeed, noGrad, randn, type Tensor } from "@slicestack/torch";
import { loadConfig } from "../../src/config/load.js";
import { createHead, createSliceModel } from "../../src/models/create-by-name.js";
import { predictVolumes, stackVolumes } from "../../src/predict/forward.js";
import { fakeDataset } from "../data/fake-dataset.js";
import { checkHeadFits } from "../../src/train/volume-stage.js";
import { leakFree, torchvisionShapes } from "./support.js";

leakFree("custom_resnet has the published code's parameter names and torchvision's count", () => {
  using model = createSliceModel({ model: "custom_resnet", dropout: 0 }, 5, [64, 64]);
  const state = model.stateDict();
  for (const name of [
    "resnet.conv1.weight",
    "resnet.layer1.0.downsample.1.running_var",
    "resnet.layer4.2.bn3.weight",
    "custom_layers.0.weight",
    "custom_layers.3.bias",
    "custom_layers.6.weight",
  ]) {
    assert.ok(state.has(name), name);
  }
  // torchvision's resnet50 has 25 557 032 parameters, its fc 2 049 000 of them; the head 2048-512-256-5 has 1 181 701.
  assert.equal(
    model.parameterCount(),
    25_557_032 - 2_049_000 + (2048 * 512 + 512) + (512 * 256 + 256) + (256 * 5 + 5),
  );
});

leakFree("slice_cnn has the published code's parameter names, and its embedding is what fc3 sees", () => {
  using model = createSliceModel({ model: "slice_cnn", dropout: 0 }, 3, [32, 32]);
  assert.deepEqual([...model.namedParameters().keys()].filter((name) => name.endsWith("weight")).sort(), [
    "bn1.weight",
    "bn2.weight",
    "bn3.weight",
    "conv1.weight",
    "conv2.weight",
    "conv3.weight",
    "fc1.weight",
    "fc2.weight",
    "fc3.weight",
  ]);
  model.eval();
  const x = randn([2, 1, 32, 32]);
  assert.deepEqual(model.embed(x).shape, [2, 128]);
  assert.deepEqual(model.classify(model.embed(x)).toArray(), model.forward(x).toArray());
});

leakFree(
  "resnet34 has torchvision's parameter names, shapes and count, and the published head behind",
  () => {
    const classes = 3;
    using model = createSliceModel({ model: "resnet34", dropout: 0 }, classes, [64, 64]);
    const expected = torchvisionShapes([3, 4, 6, 3]);
    const count = (names: Iterable<[string, number[]]>) =>
      [...names].reduce((sum, [, shape]) => sum + shape.reduce((product, size) => product * size, 1), 0);
    const learnt = [...expected].filter(([name]) => !/running_|tracked/.test(name));
    assert.equal(count(learnt), 21_797_672, "torchvision's resnet34, fc for 1000 classes included");
    const trunk = [...expected].filter(([name]) => !name.startsWith("fc."));
    const state = [...model.stateDict()].map(([name, tensor]): [string, number[]] => [name, tensor.shape]);
    const found = state.filter(([name]) => name.startsWith("resnet."));
    assert.deepEqual(
      found,
      trunk.map(([name, shape]) => [`resnet.${name}`, shape]),
    );
    assert.deepEqual(state.slice(found.length), [
      ["custom_layers.0.weight", [512, 512]],
      ["custom_layers.0.bias", [512]],
      ["custom_layers.3.weight", [256, 512]],
      ["custom_layers.3.bias", [256]],
      ["custom_layers.6.weight", [classes, 256]],
      ["custom_layers.6.bias", [classes]],
    ]);
    const head = 512 * 512 + 512 + (512 * 256 + 256) + (256 * classes + classes);
    assert.equal(model.parameterCount(), 21_797_672 - (512 * 1000 + 1000) + head);
    model.eval();
    assert.deepEqual(noGrad(() => model.embed(randn([1, 3, 64, 64]))).shape, [1, 256]);
  },
);

for (const head of ["mean", "max", "attention"] as const) {
  leakFree(`${head} head: padded slices have no influence`, () => {
    manualSeed(2);
    using model = createHead({ model: head, dropout: 0.3 }, { embedding: 6, slices: 5, classes: 3 });
    const embedding_NE = randn([8, 6]);
    const volumes = [
      { offset: 0, count: 3 },
      { offset: 3, count: 5 },
    ];
    const narrow = predictVolumes(model, embedding_NE, volumes, 5);
    const padded = predictVolumes(model, embedding_NE, volumes, 9);
    closeRows(narrow.probabilities, padded.probabilities);
    if (narrow.sliceWeights !== null)
      assert.deepEqual(
        narrow.sliceWeights.map((row) => row.length),
        [3, 5],
      );
  });
}

leakFree("flatten head sees slice order, attention does not", () => {
  manualSeed(3);
  const embedding_NE = randn([4, 6]);
  const reversed_NE = embedding_NE.flip(0);
  const one = [{ offset: 0, count: 4 }];
  const said = (head: "flatten" | "attention", x: Tensor) => {
    manualSeed(4);
    using model = createHead({ model: head, dropout: 0 }, { embedding: 6, slices: 4, classes: 2 });
    return predictVolumes(model, x, one, 4).probabilities;
  };
  closeRows(said("attention", embedding_NE), said("attention", reversed_NE));
  assert.notDeepEqual(said("flatten", embedding_NE), said("flatten", reversed_NE));
});

leakFree("stackVolumes cuts out each volume and marks padding", () => {
  const embedding_NE = fromTypedArray(Float32Array.from([1, 2, 3, 4, 5, 6]), [3, 2]);
  const { features_BS, mask_BS } = stackVolumes(embedding_NE, [
    { offset: 1, count: 2 },
    { offset: 0, count: 1 },
  ]);
  assert.deepEqual(features_BS.toArray(), [3, 4, 5, 6, 1, 2, 0, 0]);
  assert.deepEqual(mask_BS.toArray(), [1, 1, 1, 0]);
  const maps_NFhw = embedding_NE.view(3, 1, 1, 2);
  const stacked = stackVolumes(maps_NFhw, [{ offset: 2, count: 1 }], 2).features_BS;
  assert.deepEqual(
    [stacked.shape, stacked.toArray()],
    [
      [1, 2, 1, 1, 2],
      [5, 6, 0, 0],
    ],
  );
});

const depths = (...counts: number[]) => ({
  volumes: counts.map((count) => ({ ...fakeDataset([["v", "s", 0]]).volumes[0]!, count })),
});

test("the flatten head is refused if depths differ, with the heads that fit", () => {
  const config = loadConfig({ text: "head: {model: flatten}" });
  assert.throws(() => checkHeadFits(config, depths(4, 7)), {
    name: "ConfigError",
    message:
      /4 to 7 slices; choose another head, e.g. attention, set head.slices to 4, or prepare it with --depth 64/,
  });
  checkHeadFits(config, depths(7, 7));
});

function closeRows(actual: number[][], expected: number[][]): void {
  actual.forEach((row, k) =>
    row.forEach((value, c) =>
      assert.ok(Math.abs(value - (expected[k]?.[c] ?? NaN)) < 1e-6, `${value} against ${expected[k]?.[c]}`),
    ),
  );
}
