/** Which model a file's names and shapes belong to: models of our own where there are some, else as reference.md section 3 lists them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { randn, zeros } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { describeWeights, modelText, weightsText } from "../../src/models/describe-weights.js";
import { guessModel, type ModelGuess } from "../../src/models/guess-model.js";
import { writeSafetensors } from "../../src/weights/safetensors.js";
import { withoutPrefixes } from "../../src/weights/state-dict.js";
import { Storage, StoredTensor } from "@slicestack/torch/safetensors";
import { createHead, createSliceModel, createVolumeModel } from "../../src/models/create-by-name.js";
import { leakFree, torchvisionShapes } from "../models/support.js";

const shapesOf = (model: Module) => {
  const state = model.stateDict();
  return new Map([...state].map(([name, { shape }]) => [name, shape]));
};
const guess = (shapes: ReadonlyMap<string, number[]> | Record<string, number[]>): ModelGuess | null => {
  const entries = shapes instanceof Map ? [...shapes] : Object.entries(shapes);
  return guessModel(new Map(entries.map(([name, shape]: [string, number[]]) => [name, { shape }])));
};
const unknown = {
  alike: [],
  depth: null,
  classes: null,
  embedding: null,
  slices: null,
  channels: null,
  inputSize: null,
};

for (const [name, depth] of [
  ["custom_resnet", 50],
  ["resnet34", 34],
  ["resnet18", 18],
] as const) {
  leakFree(`custom_resnet on a ResNet-${depth} trunk: classes, embedding and channels`, () => {
    using model = createSliceModel({ model: name, dropout: 0 }, 3, [64, 64]);
    assert.deepEqual(guess(shapesOf(model)), {
      ...unknown,
      model: "custom_resnet",
      depth,
      classes: 3,
      embedding: 256,
      channels: 3,
    });
  });
}

leakFree("two_stage: its custom_resnet without the last layer, and the slices that its head receives", () => {
  using slice = createSliceModel({ model: "resnet18", dropout: 0 }, 3, [64, 64]);
  using head = createHead({ model: "flatten", dropout: 0 }, { embedding: 256, slices: 64, classes: 2 });
  const trunk = [...shapesOf(slice)].filter(([name]) => !name.startsWith("custom_layers.6"));
  const shapes = new Map([
    ...trunk.map(([name, shape]): [string, number[]] => [`resnet.${name}`, shape]),
    ...shapesOf(head),
  ]);
  const found = guess(shapes);
  assert.deepEqual(found, {
    ...unknown,
    model: "two_stage",
    depth: 18,
    classes: 2,
    embedding: 256,
    slices: 64,
    channels: 3,
  });
  assert.equal(
    modelText(found),
    "two_stage (ResNet-18 trunk, 2 classes, embedding 256, 64 slices, 3 channels)",
  );
});

leakFree("maps_3d and a fine-tuned run: a trunk and a head in one", () => {
  using slice = createSliceModel({ model: "slice_cnn", dropout: 0 }, 3, [32, 32]);
  using maps = createVolumeModel({ model: "maps_3d", trunk: slice }, 3, [32, 32, 8]);
  const trunk = { ...unknown, classes: 3, embedding: 128, channels: 1, inputSize: [32, 32] };
  assert.deepEqual(guess(shapesOf(maps)), { ...trunk, model: "maps_3d" });
  for (const [name, found, slices] of [
    ["flatten", "2d_cnn with flatten head", 8],
    ["attention", "2d_cnn with attention head", null],
    ["gru", "2d_cnn with head", null],
  ] as const) {
    using head = createHead({ model: name, dropout: 0 }, { embedding: 128, slices: 8, classes: 3 });
    const shapes = new Map(
      [...shapesOf(slice)].map(([key, shape]): [string, number[]] => [`trunk.${key}`, shape]),
    );
    for (const [key, shape] of shapesOf(head)) shapes.set(`head.${key}`, shape);
    assert.deepEqual(guess(shapes), { ...trunk, model: found, slices });
  }
});

leakFree("2d_cnn and slice_cnn have the same names; the input is square", () => {
  using model = createSliceModel({ model: "slice_cnn", dropout: 0 }, 5, [128, 128]);
  const found = guess(shapesOf(model));
  const wanted = {
    ...unknown,
    model: "2d_cnn",
    alike: ["slice_cnn"],
    classes: 5,
    embedding: 128,
    channels: 1,
  };
  assert.deepEqual(found, { ...wanted, inputSize: [128, 128] });
  assert.match(modelText(found), /^2d_cnn or slice_cnn \(5 classes, .* input 128 x 128\)$/);
  using oblong = createSliceModel({ model: "slice_cnn", dropout: 0 }, 5, [64, 96]);
  assert.deepEqual(guess(shapesOf(oblong)), { ...wanted, inputSize: null });
});

leakFree("volume_cnn: one slice_cnn, its slices and the size of the volume", () => {
  using slice = createSliceModel({ model: "slice_cnn", dropout: 0 }, 5, [64, 64]);
  const shapes = new Map<string, number[]>(
    [...shapesOf(slice)].map(([name, shape]) => [`slice_cnn.${name}`, shape]),
  );
  shapes
    .set("fc1.weight", [512, 128 * 32])
    .set("fc2.weight", [128, 512])
    .set("fc3.weight", [4, 128]);
  assert.deepEqual(guess(shapes), {
    ...unknown,
    model: "volume_cnn",
    classes: 4,
    embedding: 128,
    slices: 32,
    channels: 1,
    inputSize: [64, 64, 32],
  });
});

test("simple and simplebn differ only in dropout; their size is the published one or unknown", () => {
  const shapes = {
    "conv1.weight": [64, 1, 3, 3, 3],
    "conv2.weight": [128, 64, 3, 3, 3],
    "conv3.weight": [256, 128, 3, 3, 3],
    "conv4.weight": [512, 256, 3, 3, 3],
    "conv5.weight": [1024, 512, 3, 3, 3],
    "fc1.weight": [512, 256 * 16 * 16 * 8],
    "fc2.weight": [5, 512],
  };
  const wanted = { ...unknown, model: "simple", alike: ["simplebn"], classes: 5, channels: 1 };
  assert.deepEqual(guess(shapes), { ...wanted, inputSize: [128, 128, 64] });
  assert.deepEqual(guess({ ...shapes, "fc1.weight": [512, 256 * 8] }), wanted);
});

test("simple_modular and attn share five blocks; attn has squeeze and excitation, and no size", () => {
  const widths = [1, 32, 64, 128, 256, 512];
  const blocks = Object.fromEntries(
    [1, 2, 3, 4, 5].map((k) => [`conv${k}.conv.weight`, [widths[k] ?? 0, widths[k - 1] ?? 0, 3, 3, 3]]),
  );
  const head = { "fc2.weight": [512, 1024], "fc3.weight": [2, 512] };
  const wanted = { ...unknown, classes: 2, channels: 1 };
  assert.deepEqual(guess({ ...blocks, ...head, "fc1.weight": [1024, 512 * 4 * 4 * 2] }), {
    ...wanted,
    model: "simple_modular",
    inputSize: [128, 128, 64],
  });
  const attn = {
    "se1.fc.0.weight": [2, 32],
    "fc1.weight": [256, 512],
    "fc2.weight": [64, 256],
    "fc3.weight": [2, 64],
  };
  assert.deepEqual(guess({ ...blocks, ...attn }), { ...wanted, model: "attn" });
});

test("torchvision's ResNets, with and without their classifier", () => {
  const eighteen = torchvisionShapes([2, 2, 2, 2]);
  assert.deepEqual(guess(eighteen), { ...unknown, model: "resnet18", depth: 18, classes: 1000, channels: 3 });
  const trunk = new Map([...torchvisionShapes([3, 4, 6, 3])].filter(([name]) => !name.startsWith("fc.")));
  assert.deepEqual(guess(trunk), { ...unknown, model: "resnet34", depth: 34, channels: 3 });
});

leakFree("the heads of a run's volume stage: flatten and attention", () => {
  const shape = { embedding: 256, slices: 10, classes: 3 };
  using flatten = createHead({ model: "flatten", dropout: 0 }, shape);
  assert.deepEqual(guess(shapesOf(flatten)), { ...unknown, model: "flatten head", classes: 3 });
  using attention = createHead({ model: "attention", dropout: 0 }, shape);
  assert.deepEqual(guess(shapesOf(attention)), {
    ...unknown,
    model: "attention head",
    classes: 3,
    embedding: 256,
  });
});

leakFree("no built-in model or head has names that look like those of a wrapper", () => {
  const slices = ["resnet18", "resnet34", "resnet50", "custom_resnet", "slice_cnn"] as const;
  const heads = ["flatten", "mean", "max", "attention"] as const;
  const models: Module[] = [
    ...slices.map((model) => createSliceModel({ model, dropout: 0 }, 2, [32, 32])),
    ...heads.map((head) => createHead({ model: head, dropout: 0 }, { embedding: 8, slices: 4, classes: 2 })),
  ];
  for (const model of models) {
    const names = [...shapesOf(model).keys()];
    const bare = withoutPrefixes(
      new Map(names.map((name) => [name, new StoredTensor(new Storage("", "float32", 0), 0, [0], [1])])),
    );
    assert.deepEqual([[...bare.stored.keys()], bare.notes], [names, []]);
    model.dispose();
  }
});

test("other names, and the right names with other shapes, are no model of the zoo", () => {
  assert.equal(guess({}), null);
  assert.equal(guess({ "encoder.weight": [2, 2] }), null);
  assert.equal(guess({ "conv1.weight": [64, 3, 7, 7] }), null);
  assert.equal(guess({ "conv1.weight": [32], "conv3.weight": [128], "fc2.weight": [128] }), null);
  assert.equal(guess({ "conv1.weight": [64, 1, 3, 3, 3], "conv3.weight": [], "fc2.weight": [] }), null);
});

leakFree(
  "describeWeights: names, types, shapes, the count of floating values and the model, without reading values",
  (folder) => {
    const file = join(folder, "resnet18.safetensors");
    const weights = new Map(
      [...torchvisionShapes([2, 2, 2, 2])].map(([name, shape]) => [
        name,
        name.endsWith("tracked") ? zeros(shape, { dtype: "int64" }) : randn(shape),
      ]),
    );
    writeSafetensors(file, weights, { made: "here" });
    const description = describeWeights(file);
    assert.equal(description.format, "safetensors");
    assert.deepEqual(description.metadata, { made: "here" });
    assert.deepEqual(description.tensors[0], {
      name: "conv1.weight",
      dtype: "float32",
      shape: [64, 3, 7, 7],
    });
    // torchvision's page: 11 689 512 parameters; beside them the running statistics of 4800 channels.
    assert.equal(description.values, 11_689_512 + 2 * 4800);
    assert.equal(description.model?.model, "resnet18");
    assert.match(
      weightsText(description),
      /safetensors, 46\.8 MB, 122 tensors, 11699112 values\nModel: resnet18 \(/,
    );
  },
);
