/** A bundle takes the place of its run: imported, evaluated, explained, exported, and as the start of another training. */
import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { stagesOf } from "../../src/config/stages.js";
import { makeFolds } from "../../src/data/split/folds.js";
import { makeSplit } from "../../src/data/split/holdout.js";
import { writeSplit } from "../../src/data/split/split.js";
import { openDataset } from "../../src/data/store.js";
import { taskOf } from "../../src/data/task.js";
import { volumesForSpec } from "../../src/evaluate/matched-volumes.js";
import { externalFolder } from "../../src/evaluate/output-folder.js";
import { readPredictions } from "../../src/evaluate/predictions.js";
import { exportBundle } from "../../src/export/bundle.js";
import { configOfSpec } from "../../src/models/config-of-spec.js";
import { readSpec } from "../../src/models/spec-file.js";
import { specOfTraining } from "../../src/models/spec-of-training.js";
import { readRecord, readRunConfig, RunError, runPaths } from "../../src/run/folder.js";
import { Predictor } from "../../src/scan/scan-predictor.js";
import { evaluate } from "../../src/tasks/evaluate.js";
import { explain } from "../../src/tasks/explain.js";
import { exportModel } from "../../src/tasks/export-model.js";
import { importBundle } from "../../src/tasks/import-bundle.js";
import { trainGroup } from "../../src/study/train-group.js";
import { train } from "../../src/tasks/train.js";
import { holdsBundle } from "../../src/trained/is-bundle.js";
import { phantomData } from "../import/support.js";
import { scratch, smallConfig, smallDataset } from "../train/support.js";

const folder = scratch();
const run = join(folder, "run");
const bundle = join(folder, "model.slicestack");
const imported = join(folder, "imported");
const brief = { "slice.epochs": "1", "head.epochs": "1", precision: "float32" };
let [data, other] = ["", ""];

before(async () => {
  data = await smallDataset(folder);
  other = await phantomData(folder, "elsewhere", { counts: [3, 2, 2, 2, 2], seed: 21 });
  await train({ config: smallConfig({ ...brief, "fine_tune.epochs": "1" }), data, out: run });
  await evaluate({ run, resamples: 50, images: false });
  await exportBundle({ model: run, out: bundle });
  await importBundle({ bundle, out: imported });
});

const weights = (of: string) =>
  stagesOf(readRunConfig(of)).map((stage) => readFileSync(runPaths(of).best(stage)));

test("import makes a run with the weights, the contract and the decision of the bundle, which predicts the same", async () => {
  assert.deepEqual(weights(imported), weights(run));
  assert.match(
    readRecord(imported).imported!.notes[0]!,
    /trained on \d+ volumes of small, and chosen on \d+/,
  );
  const predicted = async (path: string) => {
    await using model = await Predictor.open(path);
    const [result] = await model.predict(join(folder, `scans/${openDataset(data).volumes[0]!.id}.nii.gz`), {
      jobs: 1,
    });
    const { seconds: _, model: facts, ...rest } = result!;
    assert.ok(rest.calibrated);
    return { ...rest, hash: facts.sha256 };
  };
  assert.deepEqual(await predicted(imported), await predicted(run));
  await assert.rejects(importBundle({ bundle, out: imported }), /already holds a run/);
  // A bundle that is made of the imported run is the same model.
  const { manifest } = await exportBundle({ model: imported, out: join(folder, "again.slicestack") });
  const first = (await exportBundle({ model: bundle, out: join(folder, "second.slicestack") })).manifest;
  assert.deepEqual(manifest.members, first.members);
});

test("the configuration of an imported run builds the contract that it was derived from, for each method", () => {
  const dataset = openDataset(data);
  const split = makeSplit(dataset, { seed: 0 });
  for (const settings of [
    {
      method: "2d",
      "slice.vote": "topk",
      "slice.vote_k": "3",
      "slice.size": "[24, 40]",
      "slice.model": "resnet18",
    },
    {
      "head.model": "{attention: {width: 32}}",
      "head.slices": "4",
      "transform.neighbours": "3",
      "head.dropout": "0.4",
    },
    {
      "transform.windows": "[[-1000, 400], [-160, 240]]",
      "transform.planes": "three",
      "slice.loss": "focal",
    },
    { method: "3d", "network.model": "volume_cnn", "network.size": "[32, 32, 8]", "network.fit": "pad" },
    {
      "slice.loss": "ordinal",
      "head.loss": "ordinal",
      "task.ordinal": "true",
      "task.class_names": "[a, b, c, d, e]",
    },
  ]) {
    const config = smallConfig({ "transform.augment": "none", ...settings });
    const specOf = (one: typeof config) =>
      specOfTraining({ config: one, dataset, split, task: taskOf(one, dataset, split) });
    const window: [number, number] | null = config.transform.windows === null ? [-950, -300] : null;
    const spec = specOf({ ...config, transform: { ...config.transform, window } });
    const { transform, ...rest } = configOfSpec(spec, "float32");
    const augment = config.transform.augment; // a contract does not have it
    assert.deepEqual(specOf({ ...rest, transform: { ...transform, augment } }), spec);
  }
});

test("evaluate: a bundle on another data set gives its run's predictions, in a run folder that is made once", async () => {
  const out = join(folder, "of bundle");
  const options = { data: other, resamples: 50, images: false };
  await assert.rejects(evaluate({ run: bundle, out }), /is a bundle, which has no data set/);
  await assert.rejects(evaluate({ run: bundle, out, data: folder }));
  assert.ok(!existsSync(out), "a bundle that cannot be scored leaves no run");
  const { table, metrics } = await evaluate({ run: bundle, out, ...options });
  const { created } = readRecord(out);
  await evaluate({ run: bundle, out, ...options });
  assert.equal(readRecord(out).created, created);
  await evaluate({ run, ...options });
  const predictions = (of: string) => {
    const file = join(
      externalFolder(of, openDataset(other).info, { part: "all", mapClasses: {} }),
      "predictions.csv",
    );
    return readPredictions(file).find(({ model, part }) => model === "2.5d" && part === "test")!;
  };
  assert.deepEqual(predictions(out), predictions(run));
  assert.match(table, /Model of the bundle model\.slicestack, slice_cnn with the head attention \(2\.5d\)/);
  assert.match(table, /prepared differently from the training data \(depth 32, in training 8\)/);
  assert.match(table, /A bundle does not list the scans of its training: .*too optimistic/);
  assert.equal(metrics.run.name, "small");
});

test("evaluate on the data set of the training: its training and validation volumes are left out where the split is known", async () => {
  const copy = join(folder, "copy");
  cpSync(data, copy, { recursive: true });
  const scored = async () => {
    const { table, metrics } = await evaluate({ run: imported, data: copy, resamples: 50, images: false });
    return { table, volumes: metrics.test.find(({ model }) => model === "2.5d")!.volumes };
  };
  const { parts } = makeSplit(openDataset(data), { seed: 0 });
  const dataset = openDataset(copy);
  writeFileSync(join(copy, "split.json"), readFileSync(runPaths(run).split));
  const seen = parts.train.length + parts.val.length;
  const known = await scored();
  assert.equal(known.volumes, parts.test.length);
  assert.match(
    known.table,
    new RegExp(`${seen} volumes were left out: the model was trained on, or chosen by, them`),
  );
  assert.doesNotMatch(known.table, /does not list/);
  rmSync(join(copy, "split.json"));
  writeSplit(dataset, makeSplit(dataset, { seed: 5 }));
  const unknown = await scored();
  assert.equal(unknown.volumes, dataset.volumes.length);
  assert.match(unknown.table, /whose split\.json is not the one of the training.*too optimistic/);
});

test("the volumes of a fold are left out where the data set has the folds of the training", () => {
  const copy = join(folder, "folds");
  cpSync(data, copy, { recursive: true });
  rmSync(join(copy, "split.json"), { force: true });
  const dataset = openDataset(copy);
  const folds = makeFolds(dataset, { seed: 0, folds: 3, test: 0.2 });
  writeSplit(dataset, folds);
  const spec = readSpec(run)!;
  const other = { directory: copy, part: "all", mapClasses: {} } as const;
  const scoredBy = (hash: string) =>
    volumesForSpec(copy, { ...spec, trainedOn: { ...spec.trainedOn!, split: hash } }, other);
  for (const { hash, parts } of folds)
    assert.deepEqual(
      scoredBy(hash)
        .volumes.map(({ id }) => id)
        .sort(),
      [...parts.test].sort(),
    );
  assert.match(scoredBy("f".repeat(64)).notes.join(), /whose split\.json is not the one of the training/);
});

test("explain: a bundle and an imported run on a data set give the numbers of their run", async () => {
  const { test: tested } = makeSplit(openDataset(data), { seed: 0 }).parts;
  const of = async (path: string, name: string) => {
    const options = { ids: [tested[0]!], data, steps: 3, slices: 2, check: false, threads: 1 };
    const { subjects, classes } = await explain({ run: path, out: join(folder, name), ...options });
    return { subjects, classes };
  };
  const expected = await of(run, "explained run");
  assert.deepEqual(await of(bundle, "explained bundle"), expected);
  assert.deepEqual(await of(imported, "explained import"), expected);
  assert.ok(existsSync(join(folder, "explained bundle", `${tested[0]}-gradcam.nii.gz`)));
  await assert.rejects(explain({ run: bundle, out: join(folder, "none") }), /has no data set.*--data/);
});

test("export: the graph of a bundle is that of its run", async () => {
  const [a, b] = ["run.onnx", "bundle.onnx"].map((name) => join(folder, name)) as [string, string];
  await exportModel({ run, to: "onnx", out: a });
  const { calibration } = await exportModel({ run: bundle, to: "onnx", out: b });
  assert.ok(calibration !== null);
  assert.deepEqual(readFileSync(b), readFileSync(a));
  const half = exportModel({ run: bundle, to: "onnx", out: join(folder, "half.onnx"), weights: "float16" });
  await assert.rejects(half, /has no validation volumes/);
});

test("init_from: a training starts from the weights of a bundle, and does not need it once it has begun", async () => {
  const copy = join(folder, "start.slicestack");
  cpSync(bundle, copy);
  const still = {
    "slice.epochs": "0",
    "head.epochs": "1",
    "head.learning_rate": "1e-30",
    "head.weight_decay": "0",
  };
  const config = (start: string) => smallConfig({ ...brief, ...still, init_from: start });
  const [a, b] = [join(folder, "from run"), join(folder, "from bundle")];
  await train({ config: config(run), data, out: a });
  await train({ config: config(copy), data, out: b });
  assert.deepEqual(weights(b)[0], weights(a)[0]);
  assert.match(readRecord(b).environment["init_from (volume)"]!, /SHA-256 [0-9a-f]{64}/);
  const split = makeSplit(openDataset(data), { seed: 99 });
  await assert.rejects(
    train({ config: config(copy), data, out: join(folder, "c"), split }),
    /was trained on split/,
  );
  rmSync(copy);
  await train({ config: config(copy), data, out: b, resume: true });
  writeFileSync(copy, "no zip");
  await assert.rejects(
    train({ config: config(copy), data, out: join(folder, "c") }),
    /config\.yaml|run\.json/,
  );
});

test("a bundle of a group: one of its models becomes a run, and what takes one model says so", async () => {
  const group = join(folder, "group");
  await trainGroup({
    config: smallConfig({ "slice.epochs": "1", method: "2d" }),
    data,
    out: group,
    seeds: 2,
  });
  const file = join(folder, "group.slicestack");
  await exportBundle({ model: group, out: file });
  const out = join(folder, "second model");
  await assert.rejects(importBundle({ bundle: file, out }), (error) => {
    assert.ok(error instanceof RunError);
    assert.match(error.message, /has 2 models\..*--member/);
    return true;
  });
  await assert.rejects(importBundle({ bundle: file, out, member: 2 }), /has no model 2; it has 2/);
  await importBundle({ bundle: file, out, member: 1 });
  assert.deepEqual(weights(out), weights(join(group, "seed1")));
  const graphs = [group, file].map(async (run, k) => {
    const exported = join(folder, `group${k}.onnx`);
    await exportModel({ run, to: "onnx", out: exported });
    return readFileSync(exported);
  });
  const [ofGroup, ofBundle] = await Promise.all(graphs);
  assert.deepEqual(ofBundle, ofGroup);
  const alone = exportModel({ run: group, to: "safetensors", out: join(folder, "w.safetensors") });
  await assert.rejects(alone, /weights of one model, and a group has several/);
});

test("a checkpoint of PyTorch is a zip, but no bundle", async () => {
  assert.equal(await holdsBundle(bundle), true);
  assert.equal(await holdsBundle("fixtures/weights/pth/refused_model_inside_zip.pth"), false);
});
