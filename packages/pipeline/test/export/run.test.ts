/** A trained and evaluated run, exported: its graph on the stored voxels gives predictions.csv. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { loadFile } from "@slicestack/torch/safetensors";
import { openDataset, readStored } from "../../src/data/store.js";
import { readMetrics } from "../../src/evaluate/metrics-file.js";
import { readPredictions } from "../../src/evaluate/predictions.js";
import { checkDecisions } from "../../src/export/half-precision.js";
import { readDecision } from "../../src/models/decision.js";
import { readSpec } from "../../src/models/spec-file.js";
import { runPaths } from "../../src/run/folder.js";
import { evaluate } from "../../src/tasks/evaluate.js";
import { exportModel } from "../../src/tasks/export-model.js";
import { train } from "../../src/tasks/train.js";
import { scratch, smallConfig, smallDataset } from "../train/support.js";
import { Runtime } from "./runtime.js";
import { asInput, near } from "./support.js";

const folder = scratch();
const run = join(folder, "run");
let data = "";

before(async () => {
  data = await smallDataset(folder);
  const keys = { "slice.epochs": "1", "head.epochs": "1", precision: "float32", "head.model": "attention" };
  await train({ config: smallConfig({ ...keys, "fine_tune.epochs": "1" }), data, out: run });
});

test("not evaluated: no calibrated probabilities, and a note that says how to get them", async () => {
  const { graph, notes, calibration } = await exportModel({ run, to: "onnx", out: join(folder, "raw.onnx") });
  assert.deepEqual(
    graph!.outputs.map(({ name }) => name),
    ["probabilities", "slice_weights"],
  );
  assert.equal(calibration, null);
  assert.match(notes.join(), /not evaluated.*slicestack evaluate/);
});

test("evaluated: the probabilities of predictions.csv, calibrated by metrics.json, without the data set and without a change of the run", async () => {
  await evaluate({ run, resamples: 50, images: false });
  const dataset = openDataset(data);
  const written = readPredictions(runPaths(run).predictions).find(
    ({ model, part }) => model === "2.5d" && part === "test",
  )!;
  const voxels = written.ids.map((id) => {
    const { first, count } = dataset.volumes.find((one) => one.id === id)!;
    return { values: readStored(dataset, first, count), count };
  });
  renameSync(data, `${data}-gone`);
  const file = join(folder, "run.onnx");
  try {
    const result = await exportModel({ run, to: "onnx", out: file, licence: "CC0" });
    assert.deepEqual(result.files, [file]);
    assert.deepEqual(result.notes, []);
    assert.equal(
      result.calibration!.temperature,
      readMetrics(runPaths(run).summary).calibration!.temperature.temperature,
    );
    assert.equal(result.graph!.metadata["slicestack.licence"], "CC0");
    assert.equal(
      result.graph!.metadata["slicestack.model_sha256"],
      readDecision(runPaths(run).decision)!.model,
    );
    assert.match(result.graph!.metadata["slicestack.use"]!, /^Research use only/);
  } finally {
    renameSync(`${data}-gone`, data);
  }
  await using runtime = await Runtime.open(readFileSync(file));
  assert.deepEqual(runtime.outputNames, ["probabilities", "calibrated", "slice_weights"]);
  for (const [k, { values, count }] of voxels.entries()) {
    const found = await runtime.run({ voxels: asInput(readSpec(run)!, [values], count) });
    near(found["probabilities"]!.values, written.probabilities[k]!, 1e-4, written.ids[k]!);
  }
});

test("half precision: the decisions on the validation set are compared, and changed ones are counted", async () => {
  const out = join(folder, "half.onnx");
  const { graph } = await exportModel({ run, to: "onnx", out, weights: "float16" });
  assert.equal(graph!.metadata["slicestack.weights"], "float16");
  assert.ok(graph!.size < 0.6 * readFileSync(join(folder, "run.onnx")).length);
  assert.throws(
    () => checkDecisions(["0", "1", "1", "2"], ["0", "1", "0", "0"]),
    /on 2 of 4 validation volumes would change\. Export with --weights fp32/,
  );
});

test("triton: the folder of a model with its configuration; a folder of something else is refused", async () => {
  const out = join(folder, "lungs");
  const { files } = await exportModel({ run, to: "triton", out });
  assert.deepEqual(files, [join(out, "config.pbtxt"), join(out, "1", "model.onnx")]);
  const config = readFileSync(files[0]!, "utf8");
  assert.match(config, /^name: "lungs"\nbackend: "onnxruntime"\nmax_batch_size: 8\n/);
  assert.match(config, /name: "voxels"\n {4}data_type: TYPE_INT16\n {4}dims: \[ -1, \d+, \d+ \]/);
  assert.match(config, /name: "calibrated"\n {4}data_type: TYPE_FP32\n {4}dims: \[ \d \]/);
  assert.match(config, /dynamic_batching \{\n {2}max_queue_delay_microseconds: 5000\n\}/);
  await using runtime = await Runtime.open(readFileSync(files[1]!));
  assert.equal(runtime.outputNames.length, 3);
  await assert.rejects(exportModel({ run, to: "triton", out }), { name: "FolderError" });
  await exportModel({ run, to: "triton", out, overwrite: true });
  await assert.rejects(exportModel({ run, to: "triton", out: data, overwrite: true }), {
    name: "FolderError",
  });
  assert.ok(existsSync(join(data, "dataset.json")));
});

test("safetensors: the weights that decide, by their names", async () => {
  const out = join(folder, "weights.safetensors");
  await exportModel({ run, to: "safetensors", out });
  const { tensors, metadata } = loadFile(out);
  const names = [...tensors.keys()];
  assert.ok(names.includes("conv1.weight") && names.includes("head.gate.weight"), names.join());
  assert.equal(metadata["slicestack.method"], "2.5d");
  for (const tensor of tensors.values()) tensor.dispose();
  await assert.rejects(exportModel({ run, to: "safetensors", out }), { name: "FolderError" });
  await assert.rejects(
    exportModel({ run, to: "safetensors", out, overwrite: true, part: "head" }),
    /^ExportError: safetensors contains all weights in float32/,
  );
});
