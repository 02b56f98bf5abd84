/** A learning curve of tiny models, run for real: nested shares, val and test whole, slice stages shared or not. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { configToYaml } from "../../src/config/to-yaml.js";
import { fewerTraining } from "../../src/data/split/training-share.js";
import { makeSplit } from "../../src/data/split/holdout.js";
import { checkSplit, readSplit } from "../../src/data/split/split.js";
import { openDataset } from "../../src/data/store.js";
import { taskOf } from "../../src/data/task.js";
import { readPredictions } from "../../src/evaluate/predictions.js";
import { readRecord, runPaths } from "../../src/run/folder.js";
import { ablate } from "../../src/study/ablate.js";
import { learningCurve } from "../../src/study/learning-curve.js";
import { scratch, smallConfig, smallDataset } from "../train/support.js";

const folder = scratch();
const file = join(folder, "study.yaml");
const out = join(folder, "out");
const shares = [0.3, 0.6, 1];
let data = "";
before(async () => {
  data = await smallDataset(folder, 40);
  writeFileSync(
    join(folder, "base.yaml"),
    configToYaml(smallConfig({ "slice.epochs": "1", "head.epochs": "1" })),
  );
  const variants = "{2D: {method: 2d}, 2.5D: {}, 3D: {method: 3d, network.model: simple, network.epochs: 1}}";
  writeFileSync(
    file,
    `name: small\nconfig: base.yaml\nseeds: 2\nmetrics: [accuracy, quadraticKappa]\nmain: 2.5D\nvariants: ${variants}\n`,
  );
});

const hashOf = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
const sliceModel = (place: string) => hashOf(runPaths(join(out, "runs", "2.5D", place)).best("slice"));

test("shares of the training subjects: nested, every class there, val and test untouched", () => {
  const dataset = openDataset(data);
  const config = smallConfig();
  const split = makeSplit(dataset, config.split);
  const { train } = taskOf(config, dataset, split).parts;
  const kept = [0.2, 0.5, 0.9].map((share) => fewerTraining(dataset, split, train, { share, seed: 3 }));
  for (const [k, fewer] of kept.entries()) {
    checkSplit(fewer, dataset);
    assert.deepEqual([fewer.parts.val, fewer.parts.test], [split.parts.val, split.parts.test]);
    const larger = new Set((kept[k + 1] ?? split).parts.train);
    assert.ok(fewer.parts.train.length < larger.size && fewer.parts.train.every((id) => larger.has(id)));
    const ids = new Set(fewer.parts.train);
    const labels = new Set(train.filter(({ id }) => ids.has(id)).map(({ label }) => label));
    assert.equal(labels.size, new Set(train.map(({ label }) => label)).size, "no class is lost");
    const subjects = new Set(train.filter(({ id }) => ids.has(id)).map(({ subject }) => subject));
    assert.ok(
      train.every(({ id, subject }) => ids.has(id) === subjects.has(subject)),
      "whole subjects",
    );
  }
  const [half] = kept.slice(1);
  const other = fewerTraining(dataset, split, train, { share: 0.5, seed: 4 });
  assert.notDeepEqual(half!.parts.train, other.parts.train, "another seed draws other subjects");
  assert.equal(fewerTraining(dataset, split, train, { share: 1, seed: 3 }), split);
  for (const share of [0, 1.1, NaN])
    assert.throws(() => fewerTraining(dataset, split, train, { share, seed: 3 }), /a number > 0 and <= 1/);
});

test("one table, one figure; the largest share equals the runs of the ablation; test is read once", async () => {
  const logged: string[] = [];
  const curve = await learningCurve({ file, data, out, shares, onLog: (line) => logged.push(line) });
  assert.equal(curve.status, "finished");
  assert.match(logged[0]!, /^1\/18 {2}2D, seed 0$/);
  assert.ok(logged.some((line) => /2\.5D, seed 1, 30 %$/.test(line)));
  const points = curve.curve!.points;
  assert.deepEqual(
    points.map(({ share }) => share),
    shares,
  );
  assert.ok(points[0]!.volumes < points[1]!.volumes && points[1]!.volumes < points[2]!.volumes);
  const splitOf = (place: string) => readSplit(runPaths(join(out, "runs", "3D", place)).split);
  assert.equal(splitOf("seed0-share0.3").parts.train.length, splitOf("seed0-share0.3").parts.train.length);
  assert.notEqual(
    sliceModel("seed0-share0.3"),
    sliceModel("seed0"),
    "the slice stage had fewer volumes, too",
  );
  const markdown = readFileSync(curve.files!.table, "utf8");
  for (const text of ["2.5D − 3D", "30 % (", "100 % (", "Power law", "| majority |", "Minutes of training"])
    assert.ok(markdown.includes(text), text);
  assert.match(readFileSync(curve.files!.page, "utf8"), /<svg role="img"[^]*<h2 id="power-law">/);
  assert.match(readFileSync(curve.files!.latex, "utf8"), /\\label\{tab:curve-accuracy/);
  for (const line of curve.table.split("\n")) assert.ok(!line.startsWith("|") && !line.startsWith("#"), line);
  assert.ok(
    curve.curve!.fits.some(
      ({ variant, metric, fit }) => variant === "3D" && metric === "accuracy" && fit.points === 6,
    ),
  );

  const kept = runPaths(join(out, "runs", "2D", "seed0")).best("slice");
  const written = statSync(kept).mtimeMs;
  const table = await ablate({ file, data, out });
  assert.equal(statSync(kept).mtimeMs, written, "not trained again");
  const whole = points[2]!.comparison.methods.find(({ name }) => name === "2.5D")!;
  assert.deepEqual(
    table.comparison!.methods.find(({ name }) => name === "2.5D"),
    whole,
  );

  const onTest = await learningCurve({ file, data, out, shares, part: "test" });
  const again = await learningCurve({ file, data, out, shares, part: "test" });
  assert.equal(again.table, onTest.table);
  assert.equal(readRecord(join(out, "runs", "3D", "seed0-share0.6")).testReads, 1);
  const predictions = readPredictions(onTest.files!.predictions);
  const one = predictions.find(({ model }) => model === "3D@0.3#1")!;
  const right = one.labels.filter(
    (label, i) => one.probabilities[i]!.indexOf(Math.max(...one.probabilities[i]!)) === label,
  ).length;
  const scored = onTest.curve!.points[0]!.comparison.methods.find(({ name }) => name === "3D")!;
  assert.equal(scored.metrics.accuracy!.values[1], right / one.labels.length);
  assert.match(readFileSync(onTest.files!.svg, "utf8"), /labelled training volumes/);
  assert.deepEqual([...readFileSync(onTest.files!.png).subarray(1, 4)], [0x50, 0x4e, 0x47]);
});

test("--slices-of-all: the head learns from few volumes on the slice model of all, and the log says so", async () => {
  const { status, table } = await learningCurve({ file, data, out, shares: [0.3, 1], slicesOfAll: true });
  assert.equal(status, "finished");
  assert.equal(sliceModel("seed1-share0.3-all-slices"), sliceModel("seed1"));
  assert.match(table, /slice stage used all training slices/);
  const { log, split } = runPaths(join(out, "runs", "2.5D", "seed1-share0.3-all-slices"));
  const more =
    readSplit(runPaths(join(out, "runs", "2.5D", "seed1")).split).parts.train.length -
    readSplit(split).parts.train.length;
  assert.match(readFileSync(log, "utf8"), new RegExp(`was trained on ${more} more volumes`));
});

test("one share is refused, before anything is trained", async () => {
  const nothing = join(folder, "nothing");
  await assert.rejects(learningCurve({ file, data, out: nothing, shares: [0.5] }), /at least two/);
  assert.ok(!existsSync(nothing));
});
