/** Every 3D network in an exported graph, resized and cut or filled up, at numbers of slices that were not recorded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { componentsOf } from "../../src/config/components.js";
import "../../src/models/catalogue.js";
import { exportOnnx } from "../../src/export/onnx.js";
import { opened, sameAsEngine, volumeSpec } from "./support.js";

const classes = 3;

for (const { name } of componentsOf("network"))
  test(`${name}: as the engine, for volumes of any depth`, async () => {
    const isDeep = ["attn", "simple_modular", "two_stage", "maps_3d"].includes(name);
    const size: [number, number, number] = isDeep ? [32, 32, 32] : [16, 24, 8];
    const { slices, volumes } = await sameAsEngine(volumeSpec(name, size, "resize", { classes }), [
      [1, 11],
      [1, 32],
    ]);
    assert.deepEqual([slices.kind, volumes.kind], ["any", "any"]);
  });

test("cut and filled up with air around the middle, odd differences too; several volumes at once", async () => {
  const spec = volumeSpec("simple", [27, 48, 11], "pad", {
    classes,
    stored: [32, 41],
    margin: 0.2,
    dtype: "uint8",
  });
  await sameAsEngine(spec, [
    [2, 4],
    [1, 11],
    [3, 22],
    [1, 1],
  ]);
});

test("the published network `volume_cnn` at its published size", async () => {
  await sameAsEngine(volumeSpec("volume_cnn", [128, 128, 64], "resize", { stored: [128, 128] }), [[1, 60]], {
    steps: 0,
  });
});

test("a network that takes its slices in parts of 64 is exported for one volume at a time, and the file says so", () => {
  using model = opened(volumeSpec("two_stage", [32, 32, 40], "resize"), 0);
  const { volumes, metadata, inputs } = exportOnnx(model, { calibration: null });
  assert.deepEqual([volumes, metadata["slicestack.volumes"]], [{ kind: "fixed", count: 1 }, "1"]);
  assert.deepEqual(inputs[0]!.shape, [1, "slices", 32, 40]);
});
