/** The default window: by the values of the training set where the type says nothing of them. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { writeNpy } from "@slicestack/volume/node";
import "../../src/models/catalogue.js";
import { Random } from "@slicestack/stats";
import { writeTable } from "../../src/data/csv.js";
import { prepare } from "../../src/tasks/prepare.js";
import type { Dataset } from "../../src/data/store.js";
import { defaultWindow } from "../../src/data/window.js";
import { valueTransform } from "../../src/input/values.js";
import { loadConfig } from "../../src/config/load.js";
import { fakeDataset } from "./fake-dataset.js";
import { temporaryFolder } from "./temporary.js";

const SHAPE = [20, 20, 10];
type Voxels = Int16Array | Uint16Array | Float32Array | Uint8Array;

async function arrays(
  t: TestContext,
  dtype: "int16" | "uint16" | "float32" | "uint8",
  volumes: Voxels[],
): Promise<Dataset> {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, "src"));
  for (const [k, data] of volumes.entries())
    await writeNpy(join(folder, "src", `v${k}.npy`), { dtype, data, shape: SHAPE });
  const rows = volumes.map((_, k) => ({ id: `v${k}`, label: k % 2 }));
  writeTable(join(folder, "src", "labels.csv"), ["id", "label"], rows);
  return await prepare({ source: join(folder, "src"), destination: join(folder, "set") });
}

/** Uniform from `low` to `high`, and one voxel far outside. */
function uniform(seed: number, low: number, high: number): number[] {
  const random = new Random(seed);
  const values = Array.from({ length: 4000 }, () => random.uniform(low, high));
  values[0] = 30000;
  return values;
}

test("int16, uint16 and float32 beyond 0..1: percentiles 0.5 and 99.5 of the given volumes, whatever the others contain", async (t) => {
  for (const [dtype, make] of [
    ["int16", Int16Array.from.bind(Int16Array)],
    ["float32", Float32Array.from.bind(Float32Array)],
    ["uint16", Uint16Array.from.bind(Uint16Array)],
  ] as const) {
    const low = dtype === "uint16" ? 24 : -1000;
    const dataset = await arrays(t, dtype, [
      make(uniform(1, low, 1000)),
      make(uniform(2, low, 1000)),
      make(uniform(3, 5000, 9000)),
    ]);
    const { window, origin } = defaultWindow(dataset, dataset.volumes.slice(0, 2));
    const width = 1000 - low;
    assert.ok(Math.abs(window[0] - (low + 0.005 * width)) < 8, `${dtype} ${window.join()}`);
    assert.ok(Math.abs(window[1] - (1000 - 0.005 * width)) < 8, `${dtype} ${window.join()}`);
    assert.match(origin, /percentiles 0\.5 and 99\.5 of the training values/);
    assert.deepEqual(defaultWindow(dataset, dataset.volumes.slice(0, 2)).window, window);
  }
});

test("bytes and fractions within 0..1 keep the range of their type", async (t) => {
  const bytes = await arrays(
    t,
    "uint8",
    [1, 2].map((seed) => Uint8Array.from(uniform(seed, 40, 90))),
  );
  assert.deepEqual(defaultWindow(bytes, bytes.volumes).window, [0, 255]);
  const unit = uniform(1, 0.2, 0.6).map((value) => Math.min(value, 1));
  const fractions = await arrays(t, "float32", [Float32Array.from(unit), Float32Array.from(unit)]);
  assert.deepEqual(defaultWindow(fractions, fractions.volumes).window, [0, 1]);
});

test("a constant volume still gives a window with two different ends", async (t) => {
  const flat = await arrays(t, "int16", [new Int16Array(4000).fill(7), new Int16Array(4000).fill(7)]);
  assert.deepEqual(defaultWindow(flat, flat.volumes).window, [7, 8]);
});

test("the outside of a float slice in HU is black, not the grey of 0 HU", () => {
  const { info: fake } = fakeDataset([["v", "s", 0]]);
  const info: Dataset["info"] = { ...fake, dtype: "float32", range: [0, 1], unit: "arbitrary" };
  const config = loadConfig({
    overrides: { "transform.window": "[-1000, 400]", "transform.augment": "none" },
  });
  assert.equal(valueTransform(config, { info }).air, 0);
});
