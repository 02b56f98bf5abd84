/** A run whose configuration names no window computes one from its training values, keeps it, and resumes with it. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { writeNpy } from "@slicestack/volume/node";
import { Random } from "@slicestack/stats";
import { writeTable } from "../../src/data/csv.js";
import { prepare } from "../../src/tasks/prepare.js";
import { makeSplit } from "../../src/data/split/holdout.js";
import { openDataset } from "../../src/data/store.js";
import { defaultWindow } from "../../src/data/window.js";
import { valueTransform } from "../../src/input/values.js";
import { readRunConfig, runPaths } from "../../src/run/folder.js";
import { train } from "../../src/tasks/train.js";
import { scratch, smallConfig } from "./support.js";

const folder = scratch();
const data = join(folder, "data");
const run = join(folder, "run");
const open = smallConfig({ method: "2d", "slice.epochs": "1" });

before(async () => {
  const random = new Random(1);
  const source = join(folder, "arrays");
  mkdirSync(source);
  for (let k = 0; k < 20; k++) {
    const values = Float32Array.from(
      { length: 16 * 16 * 4 },
      () => -400 + 300 * random.normal() + 100 * (k % 2),
    );
    await writeNpy(join(source, `v${k}.npy`), { dtype: "float32", data: values, shape: [16, 16, 4] });
  }
  writeTable(
    join(source, "labels.csv"),
    ["id", "label"],
    Array.from({ length: 20 }, (_, k) => ({ id: `v${k}`, label: k % 2 })),
  );
  await prepare({ source, destination: data });
});

test("the window is computed from the training set alone, written to config.yaml, and explained in run.log", async () => {
  await train({ config: open, data, out: run });
  const dataset = openDataset(data);
  const ids = new Set(makeSplit(dataset, open.split).parts.train);
  const expected = defaultWindow(
    dataset,
    dataset.volumes.filter(({ id }) => ids.has(id)),
  ).window;
  assert.ok(expected[0] < -800 && expected[1] > 100, expected.join());
  assert.deepEqual(readRunConfig(run).transform.window, expected);
  assert.match(
    readFileSync(runPaths(run).log, "utf8"),
    /transform\.window .* percentiles 0\.5 and 99\.5 of the training values/,
  );
});

test("resuming with the original configuration works; naming another window is refused", async () => {
  const before = readFileSync(runPaths(run).config, "utf8");
  await train({ config: open, data, out: run, resume: true });
  assert.equal(readFileSync(runPaths(run).config, "utf8"), before);
  const other = smallConfig({ method: "2d", "slice.epochs": "1", "transform.window": "[0, 1]" });
  await assert.rejects(
    train({ config: other, data, out: run, resume: true }),
    /began with another configuration \(transform\.window/,
  );
});

test("a run that reuses a slice stage also uses its window", async () => {
  const out = join(folder, "second");
  await train({
    config: smallConfig({ "slice.epochs": "1", "head.epochs": "1" }),
    data,
    out,
    sliceFrom: run,
  });
  assert.deepEqual(readRunConfig(out).transform.window, readRunConfig(run).transform.window);
});

test("a run of an earlier version, without a window in its config.yaml, keeps the range of the data set's type", () => {
  const dataset = openDataset(data);
  assert.deepEqual(valueTransform(open, dataset).windows, [[0, 1]]);
});
