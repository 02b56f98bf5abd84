/** Every head in an exported graph, from voxels to probabilities, at numbers of slices that were not recorded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { componentsOf } from "../../src/config/components.js";
import "../../src/models/catalogue.js";
import { sameAsEngine, stackSpec } from "./support.js";

const sizes: [number, number][] = [
  [1, 8],
  [2, 3],
  [3, 13],
];

for (const { name, needsOneDepth } of componentsOf("head"))
  test(`${name}: as the engine, for volumes of several depths where it takes them`, async () => {
    const spec = stackSpec("slice_cnn", { name }, { classes: 3 });
    const { slices } = await sameAsEngine(spec, needsOneDepth === true ? [[2, 8]] : sizes);
    const padded = name === "noisy_or";
    assert.equal(slices.kind, needsOneDepth === true ? "fixed" : padded ? "most" : "any");
  });

test("grades in order, on sampled slices of three planes with nine neighbours and two windows", async () => {
  const facts = {
    classes: 4,
    ordinal: true,
    planes: "three",
    neighbours: 9,
    windows: [
      [-1000, 400],
      [-160, 240],
    ],
  } as const;
  const spec = stackSpec(
    "slice_cnn",
    { name: "attention", sampled: 10 },
    { ...facts, windows: facts.windows.map((one) => [...one]), margin: 0.1 },
  );
  await sameAsEngine(spec, [
    [2, 2],
    [1, 6],
    [2, 3],
    [1, 21],
  ]);
});
