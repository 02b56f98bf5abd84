/** Values that cannot be HU are reported by name, and fractions that rounding would destroy are refused. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Volume } from "@slicestack/volume";
import { writeNifti } from "@slicestack/volume/node";
import { Random } from "@slicestack/stats";
import { writeTable } from "../../src/data/csv.js";
import { valueFlags } from "@slicestack/volume";
import { prepare } from "../../src/tasks/prepare.js";
import { temporaryFolder } from "./temporary.js";

/** Air around a body of water with lungs, in HU, with noise; 24 x 24 x 8. */
function chest(seed: number): Int16Array {
  const random = new Random(seed);
  return Int16Array.from({ length: 24 * 24 * 8 }, (_, i) => {
    const [x, y] = [((i % 24) - 11.5) / 12, ((Math.floor(i / 24) % 24) - 11.5) / 12];
    const isBody = (x / 0.9) ** 2 + (y / 0.7) ** 2 < 1;
    const isLung = ((Math.abs(x) - 0.42) / 0.32) ** 2 + (y / 0.5) ** 2 < 1;
    return Math.round((isLung ? -820 : isBody ? 40 : -1000) + 12 * random.normal());
  });
}

const volumeOf = (data: Volume["data"]): Volume => ({
  ...{ data, shape: [24, 24, 8], spacing: [0.7, 0.7, 2.5], origin: [0, 0, 0], unit: "HU" },
  direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
});

async function sourceOf(folder: string, volumes: readonly Volume["data"][]): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (const [k, data] of volumes.entries()) await writeNifti(join(folder, `v${k}.nii.gz`), volumeOf(data));
  const rows = volumes.map((_, k) => ({ id: `v${k}`, label: k % 2 }));
  writeTable(join(folder, "labels.csv"), ["id", "label"], rows);
  return folder;
}

test("valueFlags: a chest has no flag; a lost intercept, one applied twice, a masked brain and random values have one each", () => {
  const hu = chest(1);
  assert.deepEqual(valueFlags(hu), []);
  assert.deepEqual(valueFlags(hu.map((value) => value + 1024)), ["intercept-lost"]);
  assert.deepEqual(valueFlags(hu.map((value) => value - 1024)), ["intercept-twice"]);
  assert.deepEqual(valueFlags(hu.map((value) => (value < -100 ? 0 : value))), ["no-air"]);
  assert.deepEqual(valueFlags(hu.map((value) => (value < -900 ? 9000 : value))), ["beyond-ct"]);
  for (const value of [-1000, 0, -3024, 9000])
    assert.deepEqual(valueFlags(hu.map(() => value)), ["constant"]);
  // Corners that GE fills with -2000 before the intercept.
  assert.deepEqual(valueFlags(hu.map((value, i) => (i % 4 === 0 && value < -900 ? -3024 : value))), []);
  // The same corners, and no intercept for the rest.
  const lost = hu.map((value, i) => (i % 4 === 0 && value < -900 ? -2000 : value + 1024));
  assert.deepEqual(valueFlags(lost), ["intercept-lost"]);
});

test("prepare: scans of one class without their intercept are reported by class and kept in subjects.csv", async (t) => {
  const folder = temporaryFolder(t);
  const scans = Array.from({ length: 6 }, (_, k) => chest(k).map((value) => value + 1024 * (k % 2)));
  const source = await sourceOf(join(folder, "ct"), scans);
  const dataset = await prepare({ source, destination: join(folder, "set"), size: [24, 24], depth: 8 });
  assert.deepEqual(
    dataset.volumes.map(({ extra }) => extra["value_flags"]),
    ["", "intercept-lost", "", "intercept-lost", "", "intercept-lost"],
  );
  assert.match(
    dataset.warnings[0] ?? "",
    /^3 volumes \(such as v1\) do not look like HU: .*intercept.*; 3 of 3 of class 1$/,
  );
  assert.match(dataset.warnings[1] ?? "", /--unit arbitrary/);
});

test("prepare: plausible scans give neither a warning nor the column", async (t) => {
  const folder = temporaryFolder(t);
  const source = await sourceOf(join(folder, "ct"), [chest(1), chest(2)]);
  const dataset = await prepare({ source, destination: join(folder, "set"), size: [24, 24], depth: 8 });
  assert.deepEqual(dataset.warnings, []);
  assert.deepEqual(
    dataset.volumes.map(({ extra }) => extra),
    [{}, {}],
  );
});

test("prepare: a CT scaled to 0..1 is refused as HU; the remedy, --unit arbitrary, keeps the fractions", async (t) => {
  const folder = temporaryFolder(t);
  const scaled = [1, 2].map((seed) => Float32Array.from(chest(seed), (value) => (value + 1100) / 1400));
  const source = await sourceOf(join(folder, "ct"), scaled);
  const options = { source, size: [24, 24] as [number, number], depth: 8 };
  await assert.rejects(prepare({ ...options, destination: join(folder, "a") }), (error: Error) => {
    assert.match(
      error.message,
      /values are between 0\.0\d+ and 0\.\d+ and would be rounded to whole numbers.*--unit arbitrary/,
    );
    return true;
  });
  const dataset = await prepare({ ...options, destination: join(folder, "b"), unit: "arbitrary" });
  assert.deepEqual([dataset.info.dtype, dataset.info.unit], ["float32", "arbitrary"]);
});
