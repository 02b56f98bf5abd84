/** Augmentation of volumes that the model sees at another size is true to the millimetres of what it sees. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { before } from "node:test";
import { type Tensor } from "@slicestack/torch";
import { writeNpy } from "@slicestack/volume/node";
import { loadConfig } from "../../src/config/load.js";
import { writeTable } from "../../src/data/csv.js";
import { prepare } from "../../src/tasks/prepare.js";
import { openDataset } from "../../src/data/store.js";
import type { Task } from "../../src/data/task.js";
import { createVolumeModel } from "../../src/models/create-by-name.js";
import { volumeTransform } from "../../src/input/of-config.js";
import { datasetSource } from "../../src/input/source.js";
import { VolumeStore } from "../../src/input/volumes.js";
import { voxelStage } from "../../src/train/voxel-stage.js";
import { ofMethod } from "../config/of-method.js";
import { leakFree, twoClasses } from "../models/support.js";
import { scratch } from "./support.js";

const folder = scratch();
const data = join(folder, "data");
const N = 32;

/** A smooth ball in voxels of 1 mm, which no turn changes. */
before(async () => {
  const source = join(folder, "balls");
  mkdirSync(source);
  const mm = (i: number) => i - (N - 1) / 2;
  const ball = Float32Array.from({ length: N ** 3 }, (_, i) => {
    const [a, b, c] = [mm(Math.floor(i / N ** 2)), mm(Math.floor(i / N) % N), mm(i % N)];
    return 1 / (1 + Math.exp((Math.hypot(a, b, c) - 9) / 1.5));
  });
  for (const k of [0, 1]) await writeNpy(join(source, `v${k}.npy`), { data: ball, shape: [N, N, N] });
  writeTable(
    join(source, "labels.csv"),
    ["id", "label"],
    [0, 1].map((k) => ({ id: `v${k}`, label: k })),
  );
  await prepare({ source, destination: data });
});

/** The largest change of a voxel by a turn of 40 degrees about every axis. */
function changeByTurns(size: string, fit: string): number {
  const overrides = { method: "3d", "transform.window": "[0, 1]", "network.size": size, "network.fit": fit };
  const plain = ofMethod(loadConfig({ overrides: { ...overrides, "transform.augment": "none" } }), "3d");
  const turn = { rotation: { probability: 1, degrees: [40, 40], tilt: [40, 40] } };
  const turned = ofMethod(
    loadConfig({ overrides: { ...overrides, "transform.augment": JSON.stringify(turn) } }),
    "3d",
  );
  const dataset = openDataset(data);
  const task: Task = {
    classes: twoClasses,
    parts: { train: dataset.volumes, val: dataset.volumes, test: [] },
  };
  const inputOf = (config: typeof plain): Tensor => {
    using store = new VolumeStore(datasetSource(dataset), volumeTransform(config, dataset, "cpu"));
    using model = createVolumeModel({ model: "volume_cnn", dropout: 0 }, 2, config.network.size!);
    const compute = { device: "cpu", bfloat16: false };
    const stage = voxelStage({ config, task, store, model, compute, metadata: {} });
    const { unit_B1HWD } = stage.input(dataset.volumes.slice(0, 1), 0, 0) as { unit_B1HWD: Tensor };
    return unit_B1HWD;
  };
  return inputOf(turned).sub(inputOf(plain)).abs().max().item();
}

leakFree(
  "a ball that is resized to half its slices, or rows, is still a ball after turns about every axis",
  () => {
    // At the stored size: what linear interpolation alone changes.
    const least = changeByTurns("[32, 32, 32]", "resize");
    assert.ok(least < 0.06, String(least));
    for (const size of ["[32, 32, 16]", "[16, 32, 32]", "[32, 24, 20]"]) {
      const change = changeByTurns(size, "resize");
      assert.ok(change < 0.12, `${size}: ${change}`);
    }
  },
);

leakFree("cropping and padding do not change millimetres: the ball remains a ball", () => {
  const change = changeByTurns("[32, 40, 28]", "pad");
  assert.ok(change < 0.06, String(change));
});
