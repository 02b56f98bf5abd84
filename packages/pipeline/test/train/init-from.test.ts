/** `init_from`: a run that starts from another run's weights, or from an imported checkpoint's, with other classes. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { scope } from "@slicestack/torch";
import { makeSplit } from "../../src/data/split/holdout.js";
import { openDataset } from "../../src/data/store.js";
import { readSafetensors } from "../../src/weights/safetensors.js";
import { importCheckpoint } from "../../src/tasks/import-checkpoint.js";
import { readRecord, runPaths, type StageName } from "../../src/run/folder.js";
import { train } from "../../src/tasks/train.js";
import { initModelFor, type InitModel } from "../../src/train/init-from.js";
import { digest } from "../models/support.js";
import { scratch, smallConfig, smallDataset } from "./support.js";

const folder = scratch();
const first = join(folder, "first");
let data = "";
before(async () => {
  data = await smallDataset(folder);
  await train({ config: smallConfig({ "slice.epochs": "1", "head.epochs": "1" }), data, out: first });
});

const best = (run: string, stage: StageName) =>
  scope(
    () =>
      new Map(
        [...readSafetensors(runPaths(run).best(stage)).tensors].map(([name, one]) => [
          name,
          { shape: one.shape, hash: digest(one) },
        ]),
      ),
  );
const two = { "task.classes_to_include": "[0, 1]", init_from: first };

// No slice epoch, and head steps too small to be seen: what the run holds is what it started from.
const still = {
  "slice.epochs": "0",
  "head.epochs": "1",
  "head.learning_rate": "1e-30",
  "head.weight_decay": "0",
};

test("a run with five classes starts one with two: all weights but the last layers, which run.json names", async () => {
  const out = join(folder, "second");
  await train({ config: smallConfig({ ...two, ...still }), data, out });
  for (const [stage, untrained] of [
    ["slice", ["fc3.weight", "fc3.bias"]],
    ["volume", ["classifier.weight", "classifier.bias"]],
  ] as const) {
    const [theirs, ours] = [best(first, stage), best(out, stage)];
    assert.deepEqual([...ours.keys()].sort(), [...theirs.keys()].sort());
    for (const [name, { shape, hash }] of ours) {
      const isNew = (untrained as readonly string[]).includes(name);
      if (isNew) assert.equal(shape[0], 2, name);
      else assert.equal(hash, theirs.get(name)?.hash, name);
    }
    const said = readRecord(out).environment[`init_from (${stage})`] ?? "";
    assert.match(said, /^best\.safetensors, SHA-256 [0-9a-f]{64}\. /);
    for (const name of untrained) assert.ok(said.includes(`${name} keeps its initial values: 2`), said);
  }
});

test("the same classes: the last layers too", async () => {
  const out = join(folder, "same");
  await train({ config: smallConfig({ ...still, init_from: first }), data, out, stage: "slice" });
  assert.deepEqual(best(out, "slice"), best(first, "slice"));
});

test("a head that the other run does not have starts from random weights", async () => {
  const out = join(folder, "other head");
  await train({ config: smallConfig({ ...two, ...still, "head.model": "mean" }), data, out });
  assert.match(
    readRecord(out).environment["init_from (volume)"] ?? "",
    /does not have this head, which starts from random weights/,
  );
  assert.match(readRecord(out).environment["init_from (slice)"] ?? "", /SHA-256/);
});

test("an imported checkpoint is a run to start from", async () => {
  const imported = join(folder, "imported");
  importCheckpoint({ checkpoint: runPaths(first).best("slice"), out: imported });
  const out = join(folder, "from import");
  await train({ config: smallConfig({ ...two, ...still, init_from: imported }), data, out, stage: "slice" });
  assert.equal(best(out, "slice").get("conv1.weight")?.hash, best(first, "slice").get("conv1.weight")?.hash);
});

test("an invalid start is refused before a run begins: no run, another model, an untrained stage, another split", async () => {
  const out = join(folder, "refused");
  const refused = (overrides: Record<string, string>, message: RegExp) =>
    assert.rejects(train({ config: smallConfig({ ...two, ...overrides }), data, out }), { message });
  await refused({ init_from: join(folder, "nowhere") }, /nowhere/);
  await refused(
    { "slice.model": "resnet18" },
    /is a run of slice_cnn \(2\.5d\), this one is of resnet18 \(2\.5d\)/,
  );
  await refused(
    { method: "3d", "network.model": "volume_cnn" },
    /is a run of slice_cnn \(2\.5d\), this one is of volume_cnn \(3d\)/,
  );
  const half = join(folder, "half");
  await train({ config: smallConfig({ "slice.epochs": "0" }), data, out: half, stage: "slice" });
  await refused({ init_from: half }, /volume stage is not trained.*--resume/);
  assert.ok(!existsSync(out));
  const split = makeSplit(openDataset(data), { seed: 99 });
  await assert.rejects(
    train({ config: smallConfig(two), data, out, split }),
    /was trained on split .*may have been trained on volumes/,
  );
});

test("of several models, the split decides before the head, and the head before the order", () => {
  const of = (name: string, head: string | null, split: string): InitModel => {
    const method = head === null ? "2d" : "2.5d";
    return { path: "b", name, split, method, model: "slice_cnn", head, stages: [], files: {} };
  };
  const models = [of("a", null, "1"), of("b", null, "2"), of("c", "mean", "2"), of("d", "attention", "2")];
  const chosen = (split: string | null, overrides: Record<string, string> = { "head.model": "attention" }) =>
    initModelFor(models, smallConfig(overrides), split).name;
  assert.equal(chosen("2"), "d");
  assert.equal(chosen("2", { "head.model": "mean" }), "c");
  assert.equal(chosen("1"), "a");
  assert.equal(chosen("3"), "d");
  assert.equal(chosen(null), "d");
  assert.equal(chosen("2", { method: "2d" }), "b");
  assert.equal(chosen("2", { "head.model": "flatten" }), "b");
});
