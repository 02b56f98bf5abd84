/** Groups as one graph: the mean of what the engine gives for each member. And the vote by a count, at a frozen threshold. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { countVoteAt, voteBy } from "@slicestack/stats";
import { exportEnsemble, exportOnnx, type EnsembleMember } from "../../src/export/onnx.js";
import type { ModelSpec } from "../../src/models/spec.js";
import type { OpenModel } from "../../src/predict/open-model.js";
import {
  asInput,
  bytesOf,
  inEngine,
  near,
  opened,
  sliceSpec,
  stackSpec,
  volumeSpec,
  voxelsOf,
} from "./support.js";
import { Runtime } from "./runtime.js";

/** Models with different weights: of different numbers of training steps. */
const three = (spec: ModelSpec): EnsembleMember[] =>
  [1, 12, 40].map((steps, k) => ({
    model: opened(spec, steps),
    calibration: { priors: null, temperature: 0.5 + k / 2 },
  }));

const meanOf = (rows: readonly (readonly number[])[]): number[] =>
  rows[0]!.map((_, k) => rows.reduce((sum, row) => sum + row[k]!, 0) / rows.length);

const scaled = (probabilities: readonly (readonly number[])[], temperature: number): number[] =>
  probabilities.flatMap((row) => {
    const powers = row.map((p) => p ** (1 / temperature));
    return powers.map((power) => power / powers.reduce((a, b) => a + b));
  });

function probabilitiesOf(model: OpenModel, voxels: ReturnType<typeof voxelsOf>, depth: number): number[][] {
  const { models, slices } = inEngine(model, voxels, depth);
  if (models.length > 0) return models.at(-1)!.probabilities;
  const rows = slicesOf(slices!.probabilities, model.spec.classes.names.length, depth);
  return voteBy("mean", { val: { slices: [], labels: [] }, volumes: rows, k: 8 }).probabilities;
}

function slicesOf(flat: Float32Array, classes: number, depth: number): Float32Array[][] {
  const rows = Array.from({ length: flat.length / classes }, (_, s) =>
    flat.slice(s * classes, (s + 1) * classes),
  );
  return Array.from({ length: rows.length / depth }, (_, v) => rows.slice(v * depth, (v + 1) * depth));
}

for (const [name, spec, sizes] of [
  [
    "2D",
    sliceSpec("slice_cnn", { rule: "mean", k: 8 }, { classes: 3 }),
    [
      [1, 7],
      [3, 4],
    ],
  ],
  [
    "2.5D",
    stackSpec("slice_cnn", { name: "attention" }),
    [
      [2, 3],
      [1, 9],
    ],
  ],
  [
    "3D",
    volumeSpec("volume_cnn", [16, 16, 8], "resize"),
    [
      [2, 5],
      [1, 11],
    ],
  ],
] as const)
  test(`${name}: an ensemble of three is the mean of its members, calibrated ones too, at sizes that were not recorded`, async () => {
    const members = three(spec);
    const exported = exportEnsemble(members, { licence: "CC0" });
    assert.deepEqual(
      exported.inputs.map((input) => input.name),
      ["voxels"],
    );
    await using runtime = await Runtime.open(bytesOf(exported));
    for (const [count, depth] of sizes) {
      const voxels = voxelsOf(spec, count, depth);
      const each = members.map(({ model }) => probabilitiesOf(model, voxels, depth));
      const apart = Math.max(...each[0]!.flat().map((value, k) => Math.abs(value - each[2]!.flat()[k]!)));
      assert.ok(apart > 1e-3, "the members differ");
      const found = await runtime.run({ voxels: asInput(spec, voxels, depth) });
      near(found["probabilities"]!.values, meanOf(each.map((rows) => rows.flat())), 1e-4, "probabilities");
      const calibrated = each.map((rows, k) => scaled(rows, members[k]!.calibration!.temperature));
      near(found["calibrated"]!.values, meanOf(calibrated), 1e-4, "calibrated");
      if (spec.method !== "2.5d") continue;
      const weights = members.map(({ model }) =>
        inEngine(model, voxels, depth).evidence.flatMap((one) => one.weights!),
      );
      near(found["slice_weights"]!.values, meanOf(weights), 1e-4, "slice weights");
    }
    const whole = exportEnsemble([members[0]!, { ...members[1]!, calibration: null }], {});
    assert.deepEqual(
      whole.outputs.map((output) => output.name).includes("calibrated"),
      false,
      "not calibrated unless every member is",
    );
    for (const { model } of members) model[Symbol.dispose]();
  });

test("members that take different inputs are refused with both", () => {
  const any = opened(stackSpec("slice_cnn", { name: "mean" }), 0);
  const fixed = opened(stackSpec("slice_cnn", { name: "flatten" }), 0);
  const members = [any, fixed].map((model) => ({ model, calibration: null }));
  assert.throws(
    () => exportEnsemble(members, {}),
    /any volumes of any slices, any volumes of 8 slices.*one by one/,
  );
  for (const model of [any, fixed]) model[Symbol.dispose]();
});

for (const classes of [2, 3])
  test(`the vote by a count at a frozen threshold, ${classes} classes: the scores of @slicestack/stats`, async () => {
    const spec = sliceSpec("slice_cnn", { rule: "count", k: 8 }, { classes });
    using model = opened(spec, 3);
    for (const countVote of [
      { numerator: 0, denominator: 8 },
      { numerator: 3, denominator: 9 },
      { numerator: 5, denominator: 8 },
      { numerator: 8, denominator: 8 },
    ]) {
      await using runtime = await Runtime.open(bytesOf(exportOnnx(model, { calibration: null, countVote })));
      for (const [count, depth] of [
        [4, 9],
        [1, 5],
      ] as const) {
        const voxels = voxelsOf(spec, count, depth);
        const found = await runtime.run({ voxels: asInput(spec, voxels, depth) });
        const rows = slicesOf(Float32Array.from(found["slice_probabilities"]!.values), classes, depth);
        const expected = rows.flatMap((slices) => countVoteAt(countVote, slices));
        near(
          found["probabilities"]!.values,
          expected,
          1e-5,
          `${countVote.numerator} of ${countVote.denominator}`,
        );
      }
    }
  });
