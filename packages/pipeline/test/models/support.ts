/** What the tests of this folder share: a test that asks for flat live tensors, and a small data set of random slices. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fromTypedArray, liveTensors, scope, type Tensor } from "@slicestack/torch";
import { Random } from "@slicestack/stats";
import { ofMethod } from "../config/of-method.js";
import { loadConfig } from "../../src/config/load.js";
import type { RunConfig, RunConfigOf } from "../../src/config/types.js";
import type { Dataset } from "../../src/data/store.js";
import { SliceModel } from "../../src/models/trunks/slice-model.js";
import { fakeDataset } from "../data/fake-dataset.js";
import type { TaskClasses } from "../../src/config/classes.js";

/** Labels 0 and 1 as they are. */
export const twoClasses: TaskClasses = {
  count: 2,
  names: ["a", "b"],
  ordinal: false,
  mapping: new Map([
    [0, 0],
    [1, 1],
  ]),
};

/** A test with a temporary folder, in a scope that must not leave additional live tensors. */
export function leakFree(name: string, body: (folder: string) => void): void {
  test(name, () => {
    const folder = mkdtempSync(join(tmpdir(), "slicestack-models-"));
    const before = liveTensors();
    try {
      scope(() => body(folder));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    assert.equal(liveTensors(), before);
  });
}

/** Volumes of the given depths, labels 0, 1, 0, …, of random HU between -1200 and 600 (so that the window cuts). */
export function randomDataset(
  folder: string,
  depths: readonly number[],
  [height, width]: [number, number],
): Dataset {
  const dataset = fakeDataset(depths.map((_, k) => [`v${k}`, `s${k}`, k % 2]));
  let first = 0;
  const volumes = dataset.volumes.map((volume, k) => {
    const placed = { ...volume, first, count: depths[k] ?? 0 };
    first += placed.count;
    return placed;
  });
  const random = new Random(11);
  const values = Int16Array.from({ length: first * height * width }, () => random.integer(-1200, 600));
  const slicesPath = join(folder, "slices.bin");
  writeFileSync(slicesPath, values);
  return { ...dataset, volumes, slicesPath, slicesOffset: 0, info: { ...dataset.info, height, width } };
}

/** mask_BS: volume b has its first depths[b] slices. */
export function maskOf(depths: readonly number[], slices: number): Tensor {
  const there = Uint8Array.from({ length: depths.length * slices }, (_, k) =>
    k % slices < (depths[Math.floor(k / slices)] ?? 0) ? 1 : 0,
  );
  return fromTypedArray(there, [depths.length, slices], { dtype: "bool" });
}

/** The same shape, and values that differ by at most `tolerance` times the largest, or times 1. */
export function close(found: Tensor | undefined, wanted: Tensor | undefined, tolerance: number): void {
  assert.ok(found !== undefined && wanted !== undefined);
  assert.deepEqual(found.shape, wanted.shape);
  const [values, expected] = [found.toArray(), wanted.toArray()];
  const allowed = tolerance * expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  values.forEach((value, k) => {
    const apart = Math.abs(value - (expected[k] ?? NaN));
    assert.ok(
      apart <= allowed,
      `at ${k}: expected ${expected[k]}, received ${value}, difference ${apart} above ${allowed}`,
    );
  });
}

/** What a tensor holds, as a hash: two may be compared and, where they differ, named without printing millions of values. */
export function digest(tensor: Tensor): string {
  const values = tensor.toTypedArray();
  return createHash("sha256").update(values).digest("hex");
}

/** Defaults, augmentation off, and the keys given. */
/** Of method 2.5d. */
export const stacked = (overrides: Record<string, string> = {}): RunConfigOf<"2.5d"> =>
  ofMethod(config(overrides), "2.5d");

/** Of method 3d. */
export const threeD = (overrides: Record<string, string> = {}): RunConfigOf<"3d"> =>
  ofMethod(config({ method: "3d", ...overrides }), "3d");

export function config(overrides: Record<string, string> = {}): RunConfig {
  return loadConfig({ overrides: { "transform.augment": "false", ...overrides } });
}

/** torchvision's state dict of a ResNet whose blocks have two convolutions: names and shapes in its order, `fc` last. */
export function torchvisionShapes(blocks: readonly number[]): Map<string, number[]> {
  const shapes = new Map<string, number[]>([["conv1.weight", [64, 3, 7, 7]]]);
  const norm = (name: string, width: number) => {
    for (const key of ["weight", "bias", "running_mean", "running_var"])
      shapes.set(`${name}.${key}`, [width]);
    shapes.set(`${name}.num_batches_tracked`, []);
  };
  norm("bn1", 64);
  let inputs = 64;
  blocks.forEach((count, stage) => {
    const width = 64 * 2 ** stage;
    for (let block = 0; block < count; block++) {
      const name = `layer${stage + 1}.${block}`;
      shapes.set(`${name}.conv1.weight`, [width, inputs, 3, 3]);
      norm(`${name}.bn1`, width);
      shapes.set(`${name}.conv2.weight`, [width, width, 3, 3]);
      norm(`${name}.bn2`, width);
      if (inputs !== width) {
        shapes.set(`${name}.downsample.0.weight`, [width, inputs, 1, 1]);
        norm(`${name}.downsample.1`, width);
      }
      inputs = width;
    }
  });
  return shapes.set("fc.weight", [1000, 512]).set("fc.bias", [1000]);
}

/** Hands every batch that it sees to `saw`; its embedding is the first pixel of each channel. */
export class Watcher extends SliceModel {
  readonly channels = 3;
  readonly embedding = 3;
  readonly mapChannels = 3;
  constructor(readonly saw: (x_BCHW: Tensor) => void) {
    super();
  }
  override featureMaps(x_BCHW: Tensor): Tensor {
    return x_BCHW;
  }
  override embed(x_BCHW: Tensor): Tensor {
    this.saw(x_BCHW);
    return x_BCHW.flatten(2).narrow(2, 0, 1).squeeze(2);
  }
  override classify(embedding_BE: Tensor): Tensor {
    return embedding_BE.narrow(1, 0, 2);
  }
}
