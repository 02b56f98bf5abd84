/** Augmentation of slices whose pixels are no squares as the model sees them is true to their millimetres. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Tensor } from "@slicestack/torch";
import { Random } from "@slicestack/stats";
import { augmentedStack } from "../../src/predict/augmented-stack.js";
import { loadConfig } from "../../src/config/load.js";
import type { Dataset } from "../../src/data/store.js";
import type { Task } from "../../src/data/task.js";
import { createSliceModel } from "../../src/models/create-by-name.js";
import { sliceTransform } from "../../src/input/of-config.js";
import { SliceStore } from "../../src/input/slices.js";
import { datasetSource } from "../../src/input/source.js";
import { sliceStage } from "../../src/train/slice-stage.js";
import { ofMethod } from "../config/of-method.js";
import { leakFree, twoClasses } from "../models/support.js";
import { fakeDataset } from "../data/fake-dataset.js";

const N = 32;
const compute = { device: "cpu", bfloat16: false };
const turn = JSON.stringify({ rotation: { probability: 1, degrees: [40, 40], tilt: [0, 0] } });

/** Two smooth balls of voxels of these sizes in mm, cut from a cube of 32 mm, which no turn changes. */
function balls(folder: string, [x, y, z]: [number, number, number]): Dataset {
  const [width, height, depth] = [N / x, N / y, N / z];
  const mm = (i: number, n: number, step: number) => (i - (n - 1) / 2) * step;
  const ball = Float32Array.from({ length: depth * height * width }, (_, i) => {
    const [a, b, c] = [
      mm(Math.floor(i / (height * width)), depth, z),
      mm(Math.floor(i / width) % height, height, y),
      mm(i % width, width, x),
    ];
    return 1 / (1 + Math.exp((Math.hypot(a, b, c) - 9) / 1.5));
  });
  const slicesPath = join(folder, "slices.bin");
  writeFileSync(slicesPath, new Float32Array([...ball, ...ball]));
  const dataset = fakeDataset([
    ["v0", "s0", 0],
    ["v1", "s1", 1],
  ]);
  const volumes = dataset.volumes.map((volume, k) => ({
    ...volume,
    first: k * depth,
    count: depth,
    geometry: { ...volume.geometry, spacing: [x, y, z] as [number, number, number] },
  }));
  return {
    ...dataset,
    volumes,
    slicesPath,
    slicesOffset: 0,
    info: { ...dataset.info, height, width, dtype: "float32", range: [0, 1] },
  };
}

interface Seen {
  spacing?: [number, number, number];
  size: [number, number];
  planes?: string;
  /** Which one: default the middle of the first volume. */
  slice?: (dataset: Dataset) => number;
}

/** The largest change of a pixel by a turn of 40 degrees, of a single slice as the slice stage sees it. */
function changeByTurn(folder: string, { spacing = [1, 1, 1], size, planes = "axial", slice }: Seen): number {
  const dataset = balls(folder, spacing);
  const task: Task = {
    classes: twoClasses,
    parts: { train: dataset.volumes, val: dataset.volumes, test: [] },
  };
  const index = slice?.(dataset) ?? dataset.volumes[0]!.count / 2;
  const seen = (augment: string): Tensor => {
    const config = loadConfig({
      overrides: {
        "transform.window": "[0, 1]",
        "transform.augment": augment,
        "transform.planes": planes,
        "slice.size": JSON.stringify(size),
        "slice.model": "slice_cnn",
      },
    });
    using store = new SliceStore(datasetSource(dataset), sliceTransform(config, dataset, "cpu"));
    using model = createSliceModel({ model: "slice_cnn", dropout: 0 }, 2, size);
    const stage = sliceStage({ config: ofMethod(config, "2.5d"), task, store, model, compute, metadata: {} });
    const stack = augmentedStack(store, [index], config.transform.augment, new Random(1));
    const { unit_BCHW } = stage.input([{ index, label: 0, subject: "s0" }], 0, 0) as { unit_BCHW: Tensor };
    assert.ok(stack.sub(unit_BCHW).abs().max().item() < 1e-6, "a stack sees the same turn");
    return unit_BCHW;
  };
  return seen(turn).sub(seen("none")).abs().max().item();
}

leakFree(
  "a disc is still a disc after a turn: as stored, resized to another aspect, and with pixels that are not square",
  (folder) => {
    const least = changeByTurn(folder, { size: [N, N] });
    assert.ok(least < 0.06, String(least));
    for (const seen of [
      { size: [N, 16] },
      { size: [20, N] },
      { spacing: [1, 2, 1], size: [16, N] },
      { spacing: [2, 1, 1], size: [24, 24] },
    ] satisfies Seen[]) {
      const change = changeByTurn(folder, seen);
      assert.ok(change < 0.13, `${JSON.stringify(seen)}: ${change}`);
    }
  },
);

leakFree("coronal and sagittal slices of thick axial ones too", (folder) => {
  // Eight slices of 4 mm, which are the rows of both, at 32 x 8 pixels.
  for (const plane of [1, 2]) {
    const slice = ({ volumes }: Dataset) => plane * 2 * volumes[0]!.count + volumes[0]!.count / 2;
    const change = changeByTurn(folder, { spacing: [1, 1, 4], size: [8, N], planes: "three", slice });
    assert.ok(change < 0.3, `${plane}: ${change}`);
  }
});
