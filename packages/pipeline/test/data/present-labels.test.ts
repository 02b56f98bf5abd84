/** Classes that no volume has take no part: labels from 1 on make as many classes as there are labels. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { writeNpy } from "@slicestack/volume/node";
import "../../src/models/catalogue.js";
import { loadConfig } from "../../src/config/load.js";
import { writeTable } from "../../src/data/csv.js";
import { prepare } from "../../src/tasks/prepare.js";
import { mergeShards } from "../../src/data/prepare/shard.js";
import { makeFolds } from "../../src/data/split/folds.js";
import { makeSplit } from "../../src/data/split/holdout.js";
import { openDataset } from "../../src/data/store.js";
import { taskOf } from "../../src/data/task.js";
import { fingerprint } from "../../src/plan/fingerprint.js";
import { temporaryFolder } from "./temporary.js";

async function source(folder: string, labels: readonly number[]): Promise<string> {
  mkdirSync(folder);
  for (const k of labels.keys())
    await writeNpy(join(folder, `v${k}.npy`), {
      dtype: "uint8",
      data: new Uint8Array(32).fill(k),
      shape: [4, 4, 2],
    });
  writeTable(
    join(folder, "labels.csv"),
    ["id", "label"],
    labels.map((label, k) => ({ id: `v${k}`, label })),
  );
  return folder;
}

test("labels 1 and 2 make a task of two classes, in splits, plan and task; the configuration still refers to 1 and 2", async (t) => {
  const folder = temporaryFolder(t);
  const labels = Array.from({ length: 20 }, (_, k) => 1 + (k % 2));
  const { directory } = await prepare({
    source: await source(join(folder, "src"), labels),
    destination: join(folder, "set"),
  });
  const dataset = openDataset(directory);
  assert.deepEqual(
    [dataset.info.classes, dataset.info.labels],
    [
      ["0", "1", "2"],
      [1, 2],
    ],
  );
  const split = makeSplit(dataset, { seed: 1 });
  assert.deepEqual([split.warnings, makeFolds(dataset, { seed: 1, folds: 3 })[0]!.warnings], [[], []]);
  const task = taskOf(loadConfig({ text: "" }), dataset, split);
  assert.deepEqual([task.classes.count, task.classes.names], [2, ["1", "2"]]);
  assert.deepEqual(new Set(task.parts.train.map(({ label }) => label)), new Set([0, 1]));
  assert.deepEqual(fingerprint(dataset, split).classes, ["1", "2"]);
  const chosen = loadConfig({
    overrides: { "task.classes_to_include": "[1, 2]", "task.class_names": "[a, b]" },
  });
  assert.deepEqual(taskOf(chosen, dataset, split).classes.names, ["a", "b"]);
  const wrong = loadConfig({ overrides: { "task.classes_to_include": "[0, 1]" } });
  assert.throws(() => taskOf(wrong, dataset, split), /names class 0; the data set has the classes 1, 2/);
});

test("a data set of an earlier version, without `labels`, keeps all classes that it names: its runs open with their number of outputs", async (t) => {
  const folder = temporaryFolder(t);
  const labels = Array.from({ length: 12 }, (_, k) => 1 + (k % 2));
  const { directory } = await prepare({
    source: await source(join(folder, "src"), labels),
    destination: join(folder, "set"),
  });
  const file = join(directory, "dataset.json");
  const {
    labels: _,
    sha256: __,
    ...info
  } = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  writeFileSync(file, JSON.stringify(info));
  const dataset = openDataset(directory);
  assert.equal(taskOf(loadConfig({ text: "" }), dataset, makeSplit(dataset, { seed: 1 })).classes.count, 3);
});

test("merge: a class that is missing in one piece and present in another is kept", async (t) => {
  const folder = temporaryFolder(t);
  const made = await source(join(folder, "src"), [0, 0, 1, 1]);
  for (const index of [1, 2])
    await prepare({ source: made, destination: join(folder, `p${index}`), shard: { index, count: 2 } });
  const whole = await mergeShards({
    shards: [join(folder, "p1"), join(folder, "p2")],
    destination: join(folder, "set"),
  });
  assert.equal(whole.info.labels, undefined);
});
