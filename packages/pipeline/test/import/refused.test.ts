/** What an import refuses, and what an imported run refuses to be scored on: typed errors that say what there is. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { randn, scope, type Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { CheckpointError } from "@slicestack/torch/safetensors";
import { writeSafetensors } from "../../src/weights/safetensors.js";
import { evaluate } from "../../src/tasks/evaluate.js";
import { importCheckpoint } from "../../src/tasks/import-checkpoint.js";
import { createHead, createSliceModel, createVolumeModel } from "../../src/models/create-by-name.js";
import { openRun } from "../../src/run/open-run.js";
import { train } from "../../src/tasks/train.js";
import { torchvisionShapes } from "../models/support.js";
import { scratch, smallConfig } from "../train/support.js";
import { phantomData, publishedConfig } from "./support.js";

const folder = scratch();
let data = "";
before(async () => {
  data = await phantomData(folder, "mosmed", { counts: [2, 1, 1, 1, 1], seed: 5 });
});

type Weights = Map<string, Tensor>;

/** A file of a model's weights, which `change` spoils first. */
function saved(
  name: string,
  make: () => Module,
  change: (weights: Weights) => void = () => undefined,
): string {
  const file = join(folder, `${name}.safetensors`);
  scope(() => {
    const weights = new Map(make().stateDict());
    change(weights);
    writeSafetensors(file, weights);
  });
  return file;
}

const sliceCnn = (classes: number) => () =>
  createSliceModel({ model: "slice_cnn", dropout: 0 }, classes, [32, 32]);

let number = 0;
/** @param given of importCheckpoint */
function refused(
  checkpoint: string,
  given: { config?: string; overrides?: Record<string, string> },
  message: RegExp,
): CheckpointError {
  const out = join(folder, "runs", `refused ${++number}`);
  let caught: unknown;
  try {
    importCheckpoint({ checkpoint, out, ...given });
  } catch (error) {
    caught = error;
  }
  assert.ok(caught instanceof CheckpointError, String(caught));
  assert.equal(caught.file, checkpoint);
  assert.match(caught.message, message);
  assert.ok(!existsSync(out), "a refused file leaves no run behind");
  return caught;
}

test("another number of classes than the configuration has: both numbers, and the mapping", () => {
  const file = saved("three classes", sliceCnn(3));
  const overrides = { "slice.model": "slice_cnn" };
  const config = publishedConfig("resnet_no_dropout");
  refused(
    file,
    { config, overrides },
    /holds 2d_cnn with 3 classes, the configuration has 2 \(class_mapping \{0: 0, 1: 1, 2: 1\}\)/,
  );
  refused(
    file,
    { overrides: { "task.classes_to_include": "[0, 2]" } },
    /has 2 \(classes_to_include \[0, 2\]\)/,
  );
});

test("another model or method than the configuration's: what the file is, and what was asked for", () => {
  const file = saved("cnn", sliceCnn(2));
  refused(
    file,
    { config: publishedConfig("resnet_no_dropout") },
    /holds 2d_cnn or slice_cnn \(2 classes.*the configuration expects custom_resnet, method 2d/,
  );
  refused(
    file,
    { config: publishedConfig("attn") },
    /a model of method 2d; the configuration expects attn, method 3d/,
  );
  const attn = saved("attn", () => createVolumeModel({ model: "attn" }, 2, [32, 32, 32]));
  refused(
    attn,
    { config: publishedConfig("simple_modular") },
    /holds attn .*expects simple_modular, method 3d/,
  );
});

test("names that are missing, unexpected or of another shape are listed", () => {
  const file = saved("spoilt", sliceCnn(2), (weights) => {
    weights.delete("bn2.running_var");
    weights.delete("fc1.bias");
    weights.set("fc9.weight", randn([2, 2]));
    weights.set("conv2.weight", randn([64, 32, 5, 5]));
  });
  const error = refused(
    file,
    {},
    /missing: bn2\.running_var, fc1\.bias; unexpected: fc9\.weight; other shape: conv2\.weight \(expected \[64, 32, 3, 3\], received \[64, 32, 5, 5\]\)/,
  );
  assert.match(
    error.message,
    /The configuration expects slice_cnn on slices of 32 x 32\. The file looks like 2d_cnn/,
  );
  const cause = error.cause as { missing: string[]; unexpected: string[] };
  assert.deepEqual([cause.missing, cause.unexpected], [["bn2.running_var", "fc1.bias"], ["fc9.weight"]]);
});

test("no model of the zoo: its first names, and the names that are known", () => {
  const file = saved("unknown", sliceCnn(2), (weights) => {
    weights.clear();
    weights.set("encoder.patch_embed.weight", randn([8, 3, 4, 4]));
  });
  refused(
    file,
    {},
    /its 1 tensors begin with encoder\.patch_embed\.weight \[8, 3, 4, 4\]\. Models are recognised by.*two_stage \(resnet\.resnet\.conv1\.weight/,
  );
});

test("a head alone, ImageNet's classifier and a trunk without one are not scored, and the error says what they are for", () => {
  const head = saved("head", () =>
    createHead({ model: "attention", dropout: 0 }, { embedding: 16, slices: 4, classes: 2 }),
  );
  refused(head, {}, /holds an? attention head alone.*slicestack evaluate RUN/);
  const resnet = (name: string, classes: number | null) =>
    saved(name, sliceCnn(2), (weights) => {
      weights.clear();
      for (const [key, shape] of torchvisionShapes([2, 2, 2, 2])) weights.set(key, randn(shape));
      weights.delete("fc.weight");
      weights.delete("fc.bias");
      if (classes !== null) weights.set("fc.weight", randn([classes, 512])).set("fc.bias", randn([classes]));
    });
  refused(
    resnet("imagenet", 1000),
    {},
    /resnet18 for the 1000 classes of ImageNet\. To train from it, set slice\.pretrained to /,
  );
  refused(resnet("trunk", null), {}, /resnet18 trunk without a classifier\. To train from it/);
  refused(resnet("many", 200), {}, /has 200 classes, but at most 128/);
});

test("a size that the weights do not determine has to be given", () => {
  const cube = saved("cube", () => createVolumeModel({ model: "simple_modular" }, 2, [32, 32, 64]));
  refused(cube, {}, /a size other than the published 128 x 128 x 64.*--network\.size/);
  refused(cube, { overrides: { "network.size": "[32, 32, 32]" } }, /other shape: fc1\.weight/);
  const oblong = saved("oblong", () => createSliceModel({ model: "slice_cnn", dropout: 0 }, 2, [24, 40]));
  refused(oblong, {}, /height and width.*--slice\.size/);
  const out = join(folder, "runs/oblong");
  assert.deepEqual(
    importCheckpoint({ checkpoint: oblong, out, overrides: { "slice.size": "[24, 40]" } }).notes,
    [],
  );
});

test("an imported run: the folder is not overwritten, needs a data set to score, and cannot be trained further itself", async () => {
  const checkpoint = saved("five", sliceCnn(5));
  const out = join(folder, "runs/five");
  importCheckpoint({ checkpoint, out });
  assert.throws(() => importCheckpoint({ checkpoint, out }), {
    name: "RunError",
    message: /already holds a run/,
  });
  assert.throws(() => openRun(out), {
    name: "RunError",
    message: /imported checkpoint.*--data DATA.*init_from/,
  });
  await assert.rejects(evaluate({ run: out }), { name: "RunError" });
  await assert.rejects(train({ config: smallConfig(), data, out, resume: true }), { name: "RunError" });
});

test("data of other classes: the numbers of both; --map-classes says which is which", async () => {
  const checkpoint = saved("two", sliceCnn(2));
  const run = join(folder, "runs/two");
  importCheckpoint({
    checkpoint,
    out: run,
    overrides: { "task.class_names": "[healthy, affected]", threads: "1" },
  });
  await assert.rejects(evaluate({ run, data }), (error: Error) => {
    assert.equal(error.name, "ConfigError");
    assert.match(error.message, /class_names has 2 names for 5 classes/);
    return true;
  });
  const mapClasses = { "CT-0": "healthy", "CT-1": "affected", "CT-2": "affected" };
  await assert.rejects(
    evaluate({ run, data, mapClasses }),
    /does not know the class CT-3, CT-4 of .*mosmed; its classes are healthy, affected/,
  );
  await assert.rejects(
    evaluate({ run, data, mapClasses: { ...mapClasses, "CT-3": "severe" } }),
    /CT-3=severe: the classes of the run are healthy, affected/,
  );
  await assert.rejects(
    evaluate({ run, data, mapClasses: { ...mapClasses, sick: "affected" } }),
    /names sick, but .*mosmed has CT-0/,
  );
  const { metrics } = await evaluate({ run, data, mapClasses: { ...mapClasses, "CT-3": "", "CT-4": "" } });
  assert.deepEqual(
    metrics.test.map(({ model, volumes, classes }) => [model, volumes, classes]),
    [["2d_vote", 4, ["healthy", "affected"]]],
  );
});

test("data of another number of classes, and the count vote without val, are refused", async () => {
  const run = join(folder, "runs/nameless");
  importCheckpoint({ checkpoint: saved("nameless", sliceCnn(2)), out: run, overrides: { threads: "1" } });
  await assert.rejects(evaluate({ run, data }), {
    name: "RunError",
    message: /distinguishes 2 classes, but .*mosmed has 5 \(CT-0, CT-1/,
  });
  const counting = join(folder, "runs/counting");
  importCheckpoint({
    checkpoint: join(folder, "five.safetensors"),
    out: counting,
    overrides: { "slice.vote": "count", threads: "1" },
  });
  await assert.rejects(
    evaluate({ run: counting, data }),
    /count is chosen on val, which an imported checkpoint does not have/,
  );
});
