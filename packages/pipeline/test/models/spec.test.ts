/** model.json of version 1, which had some options of a head beside the others, is read as version 2 has them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { modelSpecSchema, SPEC_FORMAT } from "../../src/models/spec.js";

const common = {
  format: SPEC_FORMAT,
  name: "small",
  classes: { names: ["healthy", "ill"], ordinal: false },
  prepared: {
    recipe: {},
    height: 32,
    width: 32,
    depths: [8, 8],
    dtype: "int16",
    unit: "HU",
    range: [-1024, 3071],
  },
  trainedOn: null,
  plugins: [],
  method: "2.5d",
  input: {
    windows: [[-1000, 400]],
    margin: 0,
    air: 0,
    mean: 0.485,
    std: 0.229,
    neighbours: 1,
    planes: "axial",
    size: [32, 32],
  },
  trunk: { name: "slice_cnn", options: {}, dropout: 0, loss: "cross_entropy" },
  vote: { rule: "mean", k: 8 },
  isFineTuned: false,
};
const head = { name: "gru", dropout: null, loss: "cross_entropy", slices: 8, sampled: null };

for (const [what, beside, options] of [
  [
    "with options of a built-in head",
    { k: null, width: 16, layers: 2, options: {} },
    { width: 16, layers: 2 },
  ],
  ["with none", { k: null, width: null, layers: null, options: {} }, {}],
  [
    "with options of a plug-in's head",
    { k: null, width: null, layers: null, options: { most: 3 } },
    { most: 3 },
  ],
] as const)
  test(`a head of version 1, ${what}`, () => {
    const old = modelSpecSchema.parse({ ...common, version: 1, head: { ...head, ...beside } });
    const now = modelSpecSchema.parse({ ...common, version: 2, head: { ...head, options } });
    assert.deepEqual({ ...old, version: 2 }, now);
  });

test("a head with a key that no version had is refused", () => {
  const parsed = modelSpecSchema.safeParse({
    ...common,
    version: 2,
    head: { ...head, options: {}, depth: 3 },
  });
  assert.equal(parsed.success, false);
});
