import assert from "node:assert/strict";
import { test } from "node:test";
import "../../src/models/catalogue.js";
import { augmentPresets } from "../../src/config/augment.js";
import { ConfigError } from "../../src/config/errors.js";
import { loadConfig } from "../../src/config/load.js";
import { ofMethod } from "./of-method.js";

const published = (lines: Record<string, string>): string =>
  Object.entries({ ...EXAMPLE, ...lines })
    .map(([key, value]) => `${key}: ${value}\n`)
    .join("");

// The published example (reference.md section 2).
const EXAMPLE = {
  batch_size: "16",
  class_mapping: "{0: 0, 1: 1, 2: 1}",
  classes_to_include: "[0, 1, 2]",
  dataset_id: "2d",
  exp_name: "resnet_no_dropout",
  learning_rate: "0.001",
  model: "custom_resnet",
  no_transform: "false",
  num_epochs: "100",
  overfit: "false",
  weighted: "false",
};

test("the published example, written as a flow map, loads with the settings it states (reference.md section 2)", () => {
  const text =
    "{batch_size: 16, class_mapping: {0: 0, 1: 1, 2: 1}, classes_to_include: [0, 1, 2], dataset_id: 2d, exp_name: resnet_no_dropout, learning_rate: 0.001, model: custom_resnet, no_transform: false, num_epochs: 100, overfit: false, weighted: false}";
  const config = ofMethod(loadConfig({ text }), "2d");
  assert.deepEqual(loadConfig({ text: published({}) }), config);
  assert.equal(config.name, "resnet_no_dropout");
  assert.deepEqual(config.task.classesToInclude, [0, 1, 2]);
  assert.deepEqual(
    [...config.task.classMapping!],
    [
      [0, 0],
      [1, 1],
      [2, 1],
    ],
  );
  const { model, epochs, batchSize, learningRate, weightedSampler, dropout } = config.slice;
  assert.deepEqual(
    [model.name, epochs, batchSize, learningRate, weightedSampler, dropout],
    ["custom_resnet", 100, 16, 0.001, false, 0],
  );
  assert.deepEqual([config.transform.augment, config.overfit], [augmentPresets().published, false]);
});

test("published keys: no_transform, weighted, overfit, relaunch, checkpoint and dropout reach their settings", () => {
  const text = published({
    no_transform: "true",
    weighted: "true",
    overfit: "true",
    relaunch: "true",
    checkpoint: "w.pth",
    dropout: "0.5",
  });
  const config = ofMethod(loadConfig({ text }), "2d");
  assert.deepEqual(config.transform.augment, augmentPresets().none);
  assert.deepEqual([config.slice.weightedSampler, config.slice.dropout], [true, 0.5]);
  assert.deepEqual([config.overfit, config.relaunch, config.checkpoint], [true, true, "w.pth"]);
});

test("dataset_id 3d with two_stage sets the volume stage and leaves the slice stage's training alone", () => {
  const text = published({ dataset_id: "3d", model: "two_stage", num_epochs: "10", dropout: "0" });
  const { slice, head } = ofMethod(loadConfig({ text }), "2.5d");
  assert.deepEqual([head.model.name, head.epochs, head.dropout], ["flatten", 10, 0]);
  assert.deepEqual([head.batchSize, head.weightedSampler], [16, false]);
  assert.deepEqual([slice.model.name, slice.epochs], ["custom_resnet", 20]);
});

test("the published 3D models are runs of method 3d, with their own dropout; other names are refused at their line", () => {
  for (const model of ["simple", "simplebn", "simple_modular", "attn", "volume_cnn"]) {
    const { network } = ofMethod(loadConfig({ text: published({ dataset_id: "3d", model }) }), "3d");
    assert.deepEqual([network.model.name, network.batchSize, network.dropout], [model, 16, null]);
  }
  assert.throws(
    () => loadConfig({ file: "a.yaml", text: published({ dataset_id: "3d", model: "constructor" }) }),
    (error) =>
      error instanceof ConfigError &&
      error.message ===
        "a.yaml:7:8: model: dataset_id 3d has the models simple, simplebn, simple_modular, attn, volume_cnn, two_stage; received constructor",
  );
  assert.throws(
    () => loadConfig({ text: published({ model: "attn" }) }),
    /2d has the models custom_resnet, 2d_cnn, slice_cnn/,
  );
});

test("two_stage is 2.5d with the flatten head; with a checkpoint its slice model stays as it is there", () => {
  const stage = { dataset_id: "3d", model: "two_stage" };
  const config = ofMethod(loadConfig({ text: published(stage) }), "2.5d");
  assert.deepEqual([config.slice.epochs, config.head.model.name], [20, "flatten"]);
  const started = ofMethod(loadConfig({ text: published({ ...stage, checkpoint: "best.pth" }) }), "2.5d");
  assert.deepEqual([started.slice.epochs, started.checkpoint], [0, "best.pth"]);
});

test("overrides apply over a published file under the structured names", () => {
  const text = published({ dataset_id: "3d", model: "two_stage" });
  const overrides = { "slice.epochs": "2", "head.model": "{topk: {k: 3}}" };
  const { slice, head } = ofMethod(loadConfig({ text, overrides }), "2.5d");
  assert.deepEqual([slice.epochs, head.batchSize, head.model], [2, 16, { name: "topk", options: { k: 3 } }]);
});

test("flat keys are overrides of a flat file, as its model and dataset_id mean them; a structured one refuses them by their name there", () => {
  const overrides = {
    batch_size: "32",
    learning_rate: "1e-3",
    num_epochs: "7",
    exp_name: "2024",
    weighted: "True",
  };
  const slice = ofMethod(loadConfig({ text: published({}), overrides }), "2d");
  assert.deepEqual(
    [
      slice.name,
      slice.slice.batchSize,
      slice.slice.learningRate,
      slice.slice.epochs,
      slice.slice.weightedSampler,
    ],
    ["2024", 32, 0.001, 7, true],
  );
  const attn = published({ dataset_id: "3d", model: "attn" });
  const { network } = ofMethod(
    loadConfig({ text: attn, overrides: { ...overrides, batch_size: "4" } }),
    "3d",
  );
  assert.deepEqual([network.batchSize, network.epochs], [4, 7]);
  const twoStage = { dataset_id: "3d", model: "two_stage", checkpoint: "w.pth" };
  const other = ofMethod(loadConfig({ text: published({}), overrides: twoStage }), "2.5d");
  assert.deepEqual([other.slice.epochs, other.head.batchSize, other.checkpoint], [0, 16, "w.pth"]);
  const more = { num_epochs: "7", "slice.epochs": "3" };
  const both = ofMethod(loadConfig({ text: published({}), overrides: more }), "2d");
  assert.equal(both.slice.epochs, 3, "the structured name is the more exact one");

  const refused = (text: string, flags: Record<string, string>, message: RegExp) =>
    assert.throws(() => loadConfig({ file: "a.yaml", text, overrides: flags }), message);
  refused(
    published({}),
    { batch_size: "many" },
    /^ConfigError: --batch_size: expected a whole number, at least 1, received the text "many"$/,
  );
  refused(published({}), { class_mapping: "{0: 0, 3: 1}" }, /^ConfigError: --class_mapping: .*maps class 3/);
  refused(
    "seed: 1",
    { batch_size: "32" },
    /^ConfigError: --batch_size: a key of published flat files, and this configuration is structured; give --slice\.batch_size or --head\.batch_size$/,
  );
  refused("seed: 1", { exp_name: "a" }, /give --name$/);
});

test("a published file is strict: typos, wrong types and missing keys carry their place", () => {
  const cases: [Record<string, string>, RegExp][] = [
    [{ learning_rat: "1" }, /^a\.yaml:12:1: unknown key learning_rat; did you mean learning_rate\?$/],
    [
      { num_epochs: '"100"' },
      /^a\.yaml:9:13: num_epochs: expected a whole number, at least 1, received the text "100"/,
    ],
    [{ weighted: "0" }, /^a\.yaml:11:11: weighted: expected true or false, received 0/],
    [{ dataset_id: "4d" }, /^a\.yaml:4:13: dataset_id: expected 2d or 3d, received the text "4d"/],
    [{ class_mapping: "{0: 0, 1: 1, 3: 1}" }, /^a\.yaml:2:16: task\.class_mapping: maps class 3, which/],
  ];
  for (const [lines, message] of cases)
    assert.throws(
      () => loadConfig({ file: "a.yaml", text: published(lines) }),
      (error) => error instanceof ConfigError && message.test(error.message),
      JSON.stringify(lines),
    );
  assert.throws(
    () => loadConfig({ text: "num_epochs: 3" }),
    /dataset_id: expected 2d or 3d, received nothing: the key is missing/,
  );
});
