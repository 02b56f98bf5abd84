/** Evaluation of bundles: they carry thresholds, temperature and sets; several models are scored as they predict. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import { readNifti } from "@slicestack/volume/node";
import { LockedError, FolderLock } from "../../src/data/lock.js";
import { makeFolds } from "../../src/data/split/folds.js";
import { makeSplit } from "../../src/data/split/holdout.js";
import { writeSplit } from "../../src/data/split/split.js";
import { openDataset } from "../../src/data/store.js";
import { readMetrics, type MetricsFile } from "../../src/evaluate/metrics-file.js";
import { readPredictions } from "../../src/evaluate/predictions.js";
import { exportBundle } from "../../src/export/bundle.js";
import { readRecord, runPaths } from "../../src/run/folder.js";
import { Predictor } from "../../src/scan/scan-predictor.js";
import { trainGroup } from "../../src/study/train-group.js";
import { evaluate } from "../../src/tasks/evaluate.js";
import { evaluateEnsemble } from "../../src/tasks/evaluate-ensemble.js";
import { explain } from "../../src/tasks/explain.js";
import { evaluateGroup } from "../../src/tasks/evaluate-group.js";
import { importBundle } from "../../src/tasks/import-bundle.js";
import { train } from "../../src/tasks/train.js";
import { BundleError } from "../../src/trained/bundle-error.js";
import { modelsInBundle } from "../../src/trained/open-bundle.js";
import { generatePhantoms } from "../../src/data/phantom.js";
import { prepare } from "../../src/tasks/prepare.js";
import { scratch, smallConfig } from "../train/support.js";

const folder = scratch();
let data = "";
const quick = { resamples: 50, images: false };
const task = { "task.classes_to_include": "[0, 2]", "task.class_mapping": "{0: 0, 2: 1}" };
const config = (more: Record<string, string> = {}) =>
  smallConfig({ ...task, method: "2d", "slice.epochs": "1", precision: "float32", threads: "1", ...more });

/** Two classes, 32 x 32 pixels, 8 slices. */
async function phantoms(name: string, counts: readonly number[], seed: number): Promise<string> {
  const [scans, destination] = [join(folder, `${name} scans`), join(folder, name)];
  const { labels } = await generatePhantoms({ destination: scans, counts, seed, size: 40, workers: 1 });
  await prepare({ source: scans, destination, labels, size: [32, 32], depth: 8, workers: 1, name });
  return destination;
}

before(async () => {
  data = await phantoms("two", [14, 0, 14, 0, 0], 4);
  const dataset = openDataset(data);
  writeSplit(dataset, makeSplit(dataset, { seed: 1 }));
});

/** What was fitted on val, and what it gives on the scored volumes. */
function decided({ thresholds, calibration, sets, test: scored, run }: MetricsFile) {
  const lac = sets.find(({ fitted: { score, byClass } }) => score === "lac" && !byClass)!;
  return {
    thresholds: thresholds.map(({ onVal: _, ...rest }) => rest),
    calibration: {
      ...calibration!,
      variants: calibration!.variants.filter(({ name }) => name !== "isotonic"),
    },
    sets: lac,
    main: scored.find(({ model }) => model === run.mainModel)!,
  };
}

for (const vote of ["mean", "count"])
  test(`the vote ${vote}: a bundle on the test set of its run has the thresholds, temperature, sets and scores of the run`, async () => {
    const run = join(folder, vote);
    await train({ config: config({ "slice.vote": vote }), data, out: run });
    const { metrics } = await evaluate({ run, ...quick });
    assert.equal(metrics.thresholds.length, 3);
    const bundle = join(folder, `${vote}.slicestack`);
    await exportBundle({ model: run, out: bundle });
    const out = join(folder, `${vote} of the bundle`);
    const scored = await evaluate({ run: bundle, out, data, part: "test", ...quick });
    assert.deepEqual(decided(scored.metrics), decided(metrics));
    assert.ok(scored.metrics.thresholds.every(({ onVal }) => onVal === null));
    const stored = readMetrics(runPaths(dirname(scored.report)).summary);
    assert.deepEqual(stored.thresholds, scored.metrics.thresholds);
    const report = readFileSync(scored.report, "utf8");
    assert.match(report, /Decision threshold[\s\S]*sensitivity \+ specificity \(Youden\)/);
    assert.match(report, /Corrections fitted on val/);
  });

test("several models: the scores are those of the group, and the calibrated probabilities those of a prediction", async () => {
  const group = join(folder, "group");
  await trainGroup({ config: config(), data, out: group, seeds: 2 });
  const { metrics: expected } = await evaluateGroup({ group, ...quick });
  const bundle = join(folder, "group.slicestack");
  await exportBundle({ model: group, out: bundle });
  assert.equal(await modelsInBundle(bundle), 2);
  const out = join(folder, "group of the bundle");
  const once = await evaluateEnsemble({ bundle, data, out, ...quick });
  const again = await evaluateEnsemble({ bundle, data, out, ...quick });
  assert.deepEqual(again.metrics, once.metrics);
  const [ensemble, calibrated, ...models] = once.metrics.test;
  const ofGroup = expected.test.find(({ model }) => model === "2d_vote")!;
  assert.equal(ensemble!.model, "ensemble");
  assert.equal(calibrated!.model, "ensemble_calibrated");
  assert.deepEqual(
    models.map(({ model }) => model),
    ["model0", "model1"],
  );
  assert.equal(ensemble!.volumes, ofGroup.volumes);
  assert.deepEqual(
    Object.entries(ensemble!.metrics).map(([name, { value }]) => [name, value]),
    Object.entries(ofGroup.metrics).map(([name, { value }]) => [name, value]),
  );
  assert.match(once.table, /model0 \(2d\)[\s\S]*mean of the models/);
  assert.match(once.table, /none of the 2 models was trained on or chosen by/);
  assert.match(readFileSync(once.report, "utf8"), /mean of the calibrated models/);

  const rows = readPredictions(runPaths(dirname(once.report)).predictions);
  const row = rows.find(({ model }) => model === "ensemble_calibrated")!;
  await using model = await Predictor.open(bundle);
  const [result] = await model.predict(join(folder, `two scans/${row.ids[0]!}.nii.gz`), { jobs: 1 });
  assert.equal(result!.calibrated, true);
  Object.values(result!.probabilities).forEach((value, k) =>
    assert.ok(Math.abs(value - row.probabilities[0]![k]!) < 1e-5),
  );
});

test("explain: several models are explained by the mean of their probabilities and maps, as a bundle and as a group", async () => {
  const [group, bundle] = [join(folder, "group"), join(folder, "group.slicestack")];
  const ids = [makeSplit(openDataset(data), { seed: 1 }).parts.test[0]!];
  const of = async (run: string, name: string, target?: string) => {
    const options = { ids, data, steps: 2, slices: 2, threads: 1, check: false };
    const out = join(folder, name);
    const more = target === undefined ? {} : { target };
    const { subjects, classes } = await explain({ run, out, ...options, ...more });
    const map = await readNifti(join(out, `${ids[0]!}-ig.nii.gz`));
    return { subjects, classes, map: map.data as Float32Array };
  };
  const joint = await of(group, "explained group");
  const [subject] = joint.subjects;
  const target = joint.classes[subject!.target]!;
  const members = [
    await of(join(group, "seed0"), "explained 0", target),
    await of(join(group, "seed1"), "explained 1", target),
  ];
  assert.deepEqual(
    subject!.models,
    members.map(({ subjects }) => subjects[0]),
  );
  const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
  subject!.probabilities.forEach((value, k) =>
    assert.equal(value, mean(members.map(({ subjects }) => subjects[0]!.probabilities[k]!))),
  );
  assert.equal(subject!.slices[3]!.air, mean(members.map(({ subjects }) => subjects[0]!.slices[3]!.air)));
  const largest = Math.max(...joint.map.map(Math.abs));
  assert.ok(largest > 0);
  joint.map.forEach((value, k) =>
    assert.ok(Math.abs(value - mean(members.map(({ map }) => map[k]!))) <= 1e-5 * largest),
  );
  const bundled = await of(bundle, "explained bundle");
  assert.deepEqual(bundled.subjects, joint.subjects);
});

test("folds: volumes that one model was trained on are left out for all; without a shared test set none is left", async () => {
  const scored = async (name: string, options: { folds: number; test?: number }) => {
    const copy = await phantoms(name, [8, 0, 8, 0, 0], 9);
    const folds = makeFolds(openDataset(copy), { seed: 0, ...options });
    writeSplit(openDataset(copy), folds);
    const group = join(folder, `${name} group`);
    await trainGroup({ config: config({ "slice.epochs": "1" }), data: copy, out: group, fold: "all" });
    const bundle = join(folder, `${name}.slicestack`);
    await exportBundle({ model: group, out: bundle });
    const out = join(folder, `${name} scored`);
    return { folds, scores: evaluateEnsemble({ bundle, data: copy, out, ...quick }) };
  };
  const shared = await scored("shared", { folds: 2, test: 0.25 });
  const { metrics, table } = await shared.scores;
  assert.equal(metrics.test[0]!.volumes, shared.folds[0]!.parts.test.length);
  assert.ok(
    metrics.test.every(({ model }) => model !== "ensemble_calibrated"),
    "it was not evaluated",
  );
  assert.match(table, /Scored on \d+ volumes of \d+ in data set shared, which none of the 2 models/);
  const bundle = join(folder, "shared.slicestack");
  const copy = join(folder, "shared");
  await assert.rejects(
    train({
      config: config({ init_from: bundle }),
      data: copy,
      out: join(folder, "f"),
      split: otherSplit(copy),
    }),
    /was trained on split/,
  );
  const started = join(folder, "from fold 1");
  const still = { "slice.epochs": "1", "slice.learning_rate": "1e-30", "slice.weight_decay": "0" };
  await train({ config: config({ ...still, init_from: bundle }), data: copy, out: started, fold: 1 });
  assert.match(readRecord(started).environment["init_from (slice)"]!, /It is model 1 of several/);
  const apart = await scored("apart", { folds: 3 });
  await assert.rejects(apart.scores, /seen in the training of one of its 3 models.*evaluate GROUP/);
});

const otherSplit = (copy: string) => makeSplit(openDataset(copy), { seed: 77 });

test("a run is made of a bundle by one process at a time", async () => {
  const out = join(folder, "locked");
  mkdirSync(out);
  {
    using _lock = FolderLock.take(out);
    const second = importBundle({ bundle: join(folder, "mean.slicestack"), out });
    await assert.rejects(second, (error) => error instanceof LockedError);
  }
  await importBundle({ bundle: join(folder, "mean.slicestack"), out });
});

test("a damaged bundle is not counted, and the error says what to do", async () => {
  const damaged = join(folder, "damaged.slicestack");
  writeFileSync(damaged, "PK\u0003\u0004 and no more");
  await assert.rejects(modelsInBundle(damaged), (error) => {
    assert.ok(error instanceof BundleError);
    assert.match(
      error.message,
      /damaged\.slicestack.*cannot be read as a bundle .*Copy or download it again/,
    );
    return true;
  });
});
