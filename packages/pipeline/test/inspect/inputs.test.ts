/** What loaders hand to a model for one volume. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromTypedArray, scope, type Tensor } from "@slicestack/torch";
import { Random } from "@slicestack/stats";
import "../../src/models/catalogue.js";
import { ofMethod } from "../config/of-method.js";
import type { RunConfig } from "../../src/config/types.js";
import type { Dataset, StoreArray } from "../../src/data/store.js";
import type { VolumeRecord } from "../../src/data/volume-record.js";
import {
  compareInputs,
  loadersOf,
  plainTransform,
  type Loaded,
  type VolumeLoader,
} from "../../src/inspect/inputs.js";
import { PlainLoader } from "./plain-loader.js";
import { sliceTransform } from "../../src/input/of-config.js";
import { config, leakFree, randomDataset } from "../models/support.js";

function compared(dataset: Dataset, run: RunConfig, more: VolumeLoader[] = []): Loaded[] {
  const plain = new PlainLoader(dataset, plainTransform(dataset, run));
  const loaders = [...loadersOf(dataset, run), plain, ...more];
  try {
    return dataset.volumes.map((record) => compareInputs(dataset, record, run, loaders));
  } finally {
    for (const loader of loaders) loader[Symbol.dispose]();
  }
}

/** The same data set with these values, random over their range. */
function withValues(dataset: Dataset, folder: string, dtype: Dataset["info"]["dtype"]): Dataset {
  const random = new Random(4);
  const count =
    dataset.volumes.reduce((sum, volume) => sum + volume.count, 0) * dataset.info.height * dataset.info.width;
  const values: StoreArray =
    dtype === "uint8"
      ? Uint8Array.from({ length: count }, () => random.integer(0, 255))
      : dtype === "uint16"
        ? Uint16Array.from({ length: count }, () => random.integer(0, 65535))
        : Float32Array.from({ length: count }, () => random.uniform(-0.2, 1.3));
  const slicesPath = join(folder, `${dtype}.bin`);
  writeFileSync(slicesPath, values);
  const range: [number, number] = dtype === "uint8" ? [0, 255] : dtype === "uint16" ? [0, 65535] : [0, 1];
  return { ...dataset, slicesPath, info: { ...dataset.info, dtype, range, unit: "arbitrary" } };
}

leakFree(
  "2D loader, 3D loader and a plain reading agree to the last bit: HU, other windows, other types, resized, with a jittered window",
  (folder) => {
    const dataset = randomDataset(folder, [5, 1, 9], [24, 20]);
    const cases: [Dataset, RunConfig][] = [
      [dataset, config()],
      [dataset, config({ "transform.window": "[-950.5, 350.25]" })],
      [dataset, config({ "transform.windows": "[[-1000, 0], [-200, 300]]", "transform.neighbours": "3" })],
      [dataset, config({ "slice.size": "[31, 16]" })],
      [dataset, config({ "transform.augment": "strong" })],
      [dataset, config({ "transform.augment": "strong", "slice.size": "[12, 40]" })],
      ...(["uint8", "uint16", "float32"] as const).map((dtype): [Dataset, RunConfig] => [
        withValues(dataset, folder, dtype),
        config(),
      ]),
    ];
    for (const [set, run] of cases) {
      for (const { comparison } of compared(set, run)) {
        assert.deepEqual(
          [comparison.largestDifference, comparison.largestNormalised],
          [0, 0],
          `${set.info.dtype} ${comparison.id}`,
        );
        const names = comparison.arrays.map(({ loader }) => loader);
        const resized = ofMethod(run, "2d", "2.5d").slice.size !== null;
        assert.deepEqual(names, [
          "2D loader",
          ...(resized ? [] : ["3D loader"]),
          "slices.npy, read directly",
        ]);
        assert.equal(new Set(comparison.arrays.map(({ sha256 }) => sha256)).size, 1);
        const [first] = comparison.arrays;
        assert.ok(first!.min >= 0 && first!.max <= 1 && first!.max > first!.min);
      }
    }
  },
);

leakFree(
  "arrays are H x W x D of the volume's own slices: value by value the window's definition in float32",
  (folder) => {
    const dataset = randomDataset(folder, [3, 4], [6, 5]);
    const [, second] = compared(dataset, config());
    assert.deepEqual(second!.comparison.arrays[0]!.shape, [6, 5, 4]);
    assert.deepEqual(second!.comparison.window, dataset.info.range);
    const random = new Random(11);
    const hu = Array.from({ length: 7 * 30 }, () => random.integer(-1200, 600)).slice(3 * 30);
    const expected = hu.map((value) => Math.fround(Math.min(1, Math.max(0, (value + 1000) / 1400))));
    assert.deepEqual(Array.from(second!.slices_DHW[0]!), expected);
  },
);

/** Gives the slices in the wrong order. */
class UpsideDown implements VolumeLoader {
  readonly name = "upside down";
  constructor(private readonly like: VolumeLoader) {}
  volume(record: VolumeRecord): Tensor {
    return scope(() => this.like.volume(record).flip(2));
  }
  [Symbol.dispose](): void {
    this.like[Symbol.dispose]();
  }
}

/** Rounds to 8 bits on the way. */
class Coarse implements VolumeLoader {
  readonly name = "coarse";
  constructor(private readonly like: VolumeLoader) {}
  volume(record: VolumeRecord): Tensor {
    return scope(() => this.like.volume(record).mul(255).round().div(255));
  }
  [Symbol.dispose](): void {
    this.like[Symbol.dispose]();
  }
}

leakFree("a loader that turns the volume over, rounds, or has another shape is found", (folder) => {
  const dataset = randomDataset(folder, [4], [6, 5]);
  const run = config();
  const plain = () => new PlainLoader(dataset, sliceTransform(run, dataset, "cpu"));
  const largest = (loader: VolumeLoader) => compared(dataset, run, [loader])[0]!.comparison.largestDifference;
  assert.ok(largest(new UpsideDown(plain())) > 0.1);
  const coarse = largest(new Coarse(plain()));
  assert.ok(coarse > 0 && coarse < 1 / 254);
  const shorter: VolumeLoader = {
    name: "shorter",
    volume: () => fromTypedArray(new Float32Array(6 * 5 * 3), [6, 5, 3]),
    [Symbol.dispose]: () => undefined,
  };
  assert.equal(largest(shorter), Infinity);
});
