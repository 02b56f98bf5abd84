/** createModel makes every kind of model from its ModelSpec alone, as openModel then loads it, and frees what it made. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { liveTensors, manualSeed, scope } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { arrayHash } from "../../src/data/hash.js";
import { createModel, type ModelModules } from "../../src/models/create-model.js";
import { ModelError } from "../../src/models/common/model-error.js";
import type { SliceSpec, StackSpec, VolumeSpec } from "../../src/models/spec.js";
import { openModel } from "../../src/predict/open-model.js";
import { sliceSpec, stackSpec, volumeSpec } from "../export/support.js";

const seed = 11;
const slices = sliceSpec("slice_cnn", { rule: "mean", k: 8 }) as SliceSpec;
const stack = stackSpec("slice_cnn", { name: "attention" }) as StackSpec;
const volume = volumeSpec("simple_modular", [32, 32, 32], "resize") as VolumeSpec;

const modulesOf = (model: ModelModules): Module[] => {
  if ("network" in model) return [model.network];
  return model.head === null ? [model.trunk] : [model.trunk, model.head];
};

const valuesOf = (module: Module) =>
  [...module.stateDict()].map(([name, tensor]) => [name, tensor.shape, arrayHash(tensor.toTypedArray())]);

test("2D: a trunk without a head", () => {
  const before = liveTensors();
  {
    using model = createModel(slices);
    assert.equal(model.head, null);
    assert.equal(model.trunk.outputs.outputs(2), 2);
  }
  assert.equal(liveTensors(), before);
});

test("2.5D: for one seed, the trunk of the 2D model, and a head of the spec's name", () => {
  scope(() => {
    manualSeed(seed);
    using flat = createModel(slices);
    manualSeed(seed);
    using model = createModel(stack);
    assert.deepEqual(valuesOf(model.trunk), valuesOf(flat.trunk));
    assert.equal(model.head.constructor.name, "AttentionHead");
  });
});

for (const [name, spec] of Object.entries({ "2D": slices, "2.5D": stack, "3D": volume }))
  test(`${name}: openModel starts from the modules of createModel`, () => {
    const before = liveTensors();
    scope(() => {
      manualSeed(seed);
      using opened = openModel(spec, null, "cpu");
      manualSeed(seed);
      using created = createModel(spec);
      assert.deepEqual(modulesOf(created).map(valuesOf), modulesOf(opened).map(valuesOf));
    });
    assert.equal(liveTensors(), before);
  });

test("a head that does not fit leaves no trunk behind", () => {
  const before = liveTensors();
  const unfit = stackSpec("slice_cnn", { name: "transformer", options: { width: 30 } }) as StackSpec;
  assert.throws(() => createModel(unfit), ModelError);
  assert.equal(liveTensors(), before);
});
