/** Every trunk, vote, plane and kind of voxel in an exported graph. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { scope } from "@slicestack/torch";
import { componentsOf } from "../../src/config/components.js";
import "../../src/models/catalogue.js";
import { exportOnnx } from "../../src/export/onnx.js";
import {
  asInput,
  bytesOf,
  inEngine,
  near,
  opened,
  sameAsEngine,
  sliceSpec,
  stackSpec,
  voxelsOf,
} from "./support.js";
import { exportedState } from "../../src/export/state-dict.js";
import { torchvisionShapes } from "../models/support.js";
import { Runtime } from "./runtime.js";
import { voteBy } from "@slicestack/stats";

const mean = { rule: "mean", k: 8 };

/** Larger ones of the same layers. */
const alike = /^(efficientnet_b[1-4]|convnext_small|vit_base|vit_large|resnet34)$/;

for (const { name } of componentsOf("trunk").filter(
  ({ isSetting, name }) => isSetting !== false && !alike.test(name),
))
  test(`${name}: slices vote as in the engine, after a few steps of training`, async () => {
    await sameAsEngine(sliceSpec(name, mean, { size: [64, 48] }), [
      [1, 3],
      [2, 6],
    ]);
  });

for (const rule of ["mean", "majority", "topk", "noisy_or"] as const)
  test(`the vote ${rule} is that of @slicestack/stats, also where there are fewer slices than k`, async () => {
    const spec = sliceSpec("slice_cnn", { rule, k: 5 }, { classes: 3 });
    using model = opened(spec);
    await using runtime = await Runtime.open(bytesOf(exportOnnx(model, { calibration: null })));
    for (const depth of [3, 14]) {
      const voxels = voxelsOf(spec, 2, depth);
      const { slices } = inEngine(model, voxels, depth);
      const rows = Array.from({ length: 2 * depth }, (_, k) => [
        ...slices!.probabilities.subarray(3 * k, 3 * k + 3),
      ]);
      const volumes = [rows.slice(0, depth), rows.slice(depth)];
      const { probabilities } = voteBy(rule, { val: { slices: [], labels: [] }, volumes, k: 5 });
      const found = await runtime.run({ voxels: asInput(spec, voxels, depth) });
      near(found["probabilities"]!.values, probabilities.flat(), 1e-4, `${rule}, ${depth} slices`);
    }
  });

for (const dtype of ["int16", "uint16", "uint8", "float32"] as const)
  test(`${dtype} voxels in three planes`, async () => {
    const facts = {
      dtype,
      planes: "three",
      stored: [40, 36],
      windows: [[0, 200]] as [number, number][],
    } as const;
    await sameAsEngine(sliceSpec("slice_cnn", mean, { ...facts, stored: [40, 36] }), [
      [2, 5],
      [1, 9],
    ]);
  });

test("ResNet-50 on published slices of 256 x 256 pixels", async () => {
  const { inputs } = await sameAsEngine(
    sliceSpec("custom_resnet", mean, { stored: [512, 512], size: [256, 256] }),
    [[1, 2]],
  );
  assert.deepEqual(
    inputs.map(({ name, type, shape }) => [name, type, shape]),
    [["voxels", "int16", ["volumes", "slices", 512, 512]]],
  );
});

test("trunk and head apart give what they give together, for volumes of several depths", async () => {
  const spec = stackSpec("slice_cnn", { name: "gru" }, { neighbours: 3 });
  using model = opened(spec);
  const part = async (name: "whole" | "trunk" | "head") =>
    Runtime.open(bytesOf(exportOnnx(model, { part: name, calibration: { priors: null, temperature: 1.7 } })));
  await using whole = await part("whole");
  await using trunk = await part("trunk");
  await using head = await part("head");
  const [short, long] = [voxelsOf(spec, 1, 4, 1), voxelsOf(spec, 1, 6, 2)];
  const features = await Promise.all([
    trunk.run({ voxels: asInput(spec, short, 4) }),
    trunk.run({ voxels: asInput(spec, long, 6) }),
  ]);
  const width = features[0]["features"]!.shape[2]!;
  const stacked = new Float32Array(2 * 6 * width);
  features.forEach((one, k) => stacked.set(one["features"]!.values, k * 6 * width));
  const mask = Uint8Array.of(1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1);
  const found = await head.run({
    features: { type: "float32", data: stacked, shape: [2, 6, width] },
    mask: { type: "bool", data: mask, shape: [2, 6] },
  });
  const alone = [
    await whole.run({ voxels: asInput(spec, short, 4) }),
    await whole.run({ voxels: asInput(spec, long, 6) }),
  ];
  for (const output of ["probabilities", "calibrated"])
    near(
      found[output]!.values,
      alone.flatMap((one) => one[output]!.values),
      1e-5,
      output,
    );
});

test("the weights of a ResNet have torchvision's names and shapes, and its classifier is fc", () => {
  const spec = stackSpec("resnet18", { name: "attention" });
  using model = opened(spec, 0);
  const shapes = scope(() => new Map([...exportedState(model)].map(([name, { shape }]) => [name, shape])));
  const published = [...torchvisionShapes([2, 2, 2, 2])].filter(([name]) => !name.startsWith("fc."));
  assert.deepEqual(
    [...shapes].filter(([name]) => !/^(fc|head)\./.test(name)),
    published,
  );
  assert.deepEqual(
    [...shapes.keys()].filter((name) => name.startsWith("fc.")),
    ["fc.0.weight", "fc.0.bias", "fc.3.weight", "fc.3.bias", "fc.6.weight", "fc.6.bias"],
  );
  assert.ok(shapes.has("head.gate.weight"));
});
