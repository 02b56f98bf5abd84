/** Calibrated probabilities, half precision, and what is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { correctPriors, TemperatureScaling } from "@slicestack/stats";
import { ExportError } from "../../src/export/export-error.js";
import { exportOnnx } from "../../src/export/onnx.js";
import {
  asInput,
  bytesOf,
  inEngine,
  near,
  opened,
  sliceSpec,
  stackSpec,
  voxelsOf,
  volumeSpec,
} from "./support.js";
import { Runtime } from "./runtime.js";

test("calibrated probabilities are those of @slicestack/stats: another mix of classes, then the temperature", async () => {
  const spec = stackSpec("slice_cnn", { name: "mean" }, { classes: 3 });
  using model = opened(spec);
  const priors = { trained: [0.2, 0.3, 0.5], target: [0.6, 0.4, 0] };
  const exported = exportOnnx(model, { calibration: { priors, temperature: 0.6 } });
  await using runtime = await Runtime.open(bytesOf(exported));
  const voxels = voxelsOf(spec, 3, 5);
  const raw = inEngine(model, voxels, 5).models[0]!.probabilities;
  const scaling = TemperatureScaling.fromJSON({
    temperature: 0.6,
    atBound: false,
    volumes: 9,
    nllBefore: 1,
    nllAfter: 1,
  });
  const wanted = scaling.apply(correctPriors(raw, priors));
  const found = await runtime.run({ voxels: asInput(spec, voxels, 5) });
  near(found["probabilities"]!.values, raw.flat(), 1e-4, "probabilities");
  near(found["calibrated"]!.values, wanted.flat(), 1e-4, "calibrated");
  assert.equal(exported.metadata["slicestack.calibration"], JSON.stringify({ priors, temperature: 0.6 }));
});

test("weights in half precision: half the file, and probabilities near the engine's", async () => {
  const spec = sliceSpec("slice_cnn", { rule: "mean", k: 8 }, { size: [64, 64] });
  using model = opened(spec);
  const whole = exportOnnx(model, { calibration: null });
  const half = exportOnnx(model, { calibration: null, weights: "float16" });
  assert.ok(half.size < 0.55 * whole.size, `${half.size} of ${whole.size} bytes`);
  await using runtime = await Runtime.open(bytesOf(half));
  const voxels = voxelsOf(spec, 1, 4);
  const found = await runtime.run({ voxels: asInput(spec, voxels, 4) });
  near(
    found["slice_probabilities"]!.values,
    [...inEngine(model, voxels, 4).slices!.probabilities],
    1e-2,
    "slices",
  );
});

test("a part that is not there, and a vote that gives no probabilities, are refused with what to do", () => {
  using network = opened(volumeSpec("attn", [32, 32, 32], "resize"), 0);
  assert.throws(() => exportOnnx(network, { part: "head", calibration: null }), ExportError);
  using counting = opened(sliceSpec("slice_cnn", { rule: "count", k: 8 }), 0);
  assert.throws(
    () => exportOnnx(counting, { calibration: null }),
    /^ExportError: The vote `count` decides by a threshold, .*--part trunk/,
  );
});

test("a wrong number of slices for a head of one depth is an error that names the input, and the metadata say the number", async () => {
  const spec = stackSpec("slice_cnn", { name: "flatten" });
  using model = opened(spec, 0);
  const exported = exportOnnx(model, { calibration: null, licence: "CC BY 4.0" });
  assert.deepEqual(
    ["slices", "volumes", "licence", "classes"].map((key) => exported.metadata[`slicestack.${key}`]),
    ["8", "any", "CC BY 4.0", '["grade 0","grade 1"]'],
  );
  await using runtime = await Runtime.open(bytesOf(exported));
  const voxels = voxelsOf(spec, 1, 9);
  await assert.rejects(
    runtime.run({ voxels: asInput(spec, voxels, 9) }),
    /invalid dimensions for input: voxels/i,
  );
});
