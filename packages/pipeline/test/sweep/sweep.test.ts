/** A sweep that has begun: its folder, its points, what it proposes, what is refused. */
import assert from "node:assert/strict";
import { mkdirSync, appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { ConfigError } from "../../src/config/errors.js";
import { loadConfig } from "../../src/config/load.js";
import { ofMethod } from "../config/of-method.js";
import { makeFolds } from "../../src/data/split/folds.js";
import { writeSplit } from "../../src/data/split/split.js";
import { openDataset } from "../../src/data/store.js";
import { beginSweep, checkedSweep, locateSweep } from "../../src/sweep/begin.js";
import { SweepError } from "../../src/sweep/errors.js";
import { Sweep } from "../../src/sweep/sweep.js";
import { readTrial } from "../../src/sweep/trial-record.js";
import { writeResult } from "../../src/sweep/trial-result.js";
import type { TrialReport } from "../../src/sweep/trial.js";
import { scratch, smallDataset } from "../train/support.js";

const folder = scratch();
let data = "";
before(async () => {
  data = await smallDataset(folder);
});

let files = 0;
function sweepFile(text: string): string {
  const file = join(folder, `sweep-${files++}.yaml`);
  writeFileSync(file, `name: small\nconfig: {method: 2d, slice: {epochs: 1, learning_rate: 0.01}}\n${text}`);
  return file;
}

const waiting = (sweep: Sweep): TrialReport[] =>
  sweep.trials.map((trial) => ({ trial, state: "waiting", objective: null, curve: [], epochs: 0 }));

test("listed points come first, then the grid; what is in a sweep already is not proposed again; false and 0 arrive", async () => {
  const file = sweepFile(`seeds: 2
points: {plain: {}, sampled: {slice.weighted_sampler: false, slice.label_smoothing: 0}}
space: {slice.label_smoothing: [0, 0.1], slice.weighted_sampler: [false, true]}
`);
  const out = join(folder, "grid");
  const sweep = await beginSweep(file, { data, out });
  assert.deepEqual(
    sweep.points.map(({ number, name, source }) => [number, name, source]),
    [
      [0, "plain", "listed"],
      [1, "sampled", "listed"],
    ],
  );
  const proposed = sweep.propose(waiting(sweep), 10);
  assert.deepEqual(
    proposed.map(({ settings }) => settings),
    [
      { "slice.label_smoothing": 0, "slice.weighted_sampler": true },
      { "slice.label_smoothing": 0.1, "slice.weighted_sampler": false },
      { "slice.label_smoothing": 0.1, "slice.weighted_sampler": true },
    ],
  );
  assert.deepEqual(sweep.propose(waiting(sweep), 10), []);
  assert.equal(sweep.trials.length, 10);
  const config = ofMethod(sweep.configOf(sweep.trials[3]!), "2d");
  assert.equal(config.seed, 1);
  assert.equal(config.slice.weightedSampler, false);
  assert.equal(config.slice.labelSmoothing, 0);
  assert.equal(config.slice.learningRate, 0.01);
  assert.equal(config.name, "small-000003");
});

test("a sweep that is opened again has the same points; a torn line is cut off, and nothing is lost by it", async () => {
  const out = join(folder, "torn");
  const file = sweepFile("space: {slice.dropout: [0, 0.1, 0.2, 0.3]}\n");
  const first = await beginSweep(file, { data, out });
  first.propose(waiting(first), 2);
  appendFileSync(first.paths.points, '{"number":2,"name":nul');
  const second = await Sweep.open(out);
  assert.deepEqual(second.points, first.points);
  assert.deepEqual(
    second.propose(waiting(second), 5).map(({ values }) => values["slice.dropout"]),
    [0.2, 0.3],
  );
  assert.equal(first.refresh().length, 2);
  assert.deepEqual(first.points, second.points);
  assert.equal(readFileSync(first.paths.points, "utf8").split("\n").length, 5);
});

test("points are added to a sweep while another process has it open; one that is there is not added twice", async () => {
  const out = join(folder, "added");
  const controller = await beginSweep(sweepFile("space: {slice.dropout: [0, 0.1]}\n"), { data, out });
  controller.propose(waiting(controller), 1);
  const other = await Sweep.open(out);
  const values = { "slice.dropout": 0.5 };
  const added = other.add([
    { name: "half", values },
    { name: null, values: { "slice.dropout": 0 } },
  ]);
  assert.deepEqual(
    added.map(({ point, isNew }) => [point.number, isNew]),
    [
      [1, true],
      [0, false],
    ],
  );
  assert.equal(other.add([{ name: null, values }])[0]!.isNew, false);
  assert.deepEqual(
    controller.refresh().map(({ name }) => name),
    ["half"],
  );
  assert.deepEqual(controller.propose(waiting(controller), 5)[0]!.number, 2);
  assert.throws(() => other.add([{ name: null, values: { "slice.dropout": 2 } }]), ConfigError);
  assert.throws(() => other.add([{ name: null, values: { "slice.drop_out": 0 } }]), /did you mean/);
  assert.equal(other.points.length, 2);
});

test("a trial's folder holds its complete configuration; its result is its report", async () => {
  const out = join(folder, "trial");
  const sweep = await beginSweep(sweepFile("space: {slice.dropout: [0, 0.1]}\n"), { data, out });
  const [point] = sweep.propose([], 1);
  const [trial] = sweep.trials;
  sweep.prepareTrial(trial!);
  const paths = sweep.paths.trial(trial!.id);
  assert.deepEqual(readTrial(paths.folder), { sweep: out, trial });
  assert.deepEqual(loadConfig({ file: paths.config }), sweep.configOf(trial!));
  assert.equal(sweep.reportOf(trial!, "running").objective, null);
  writeResult(paths.result, {
    version: 1,
    status: "finished",
    objective: 0,
    metrics: {},
    epochs: 3,
    seconds: 1,
  });
  const report = sweep.reportOf(trial!, "running");
  assert.deepEqual(
    [report.state, report.objective, report.epochs, report.trial.point],
    ["finished", 0, 3, point],
  );
});

test("a data set with folds: every point is trained on each; folds that are not there are refused", async () => {
  const folds = join(folder, "folds");
  const copy = await smallDataset(folds);
  const dataset = openDataset(copy);
  writeSplit(dataset, makeFolds(dataset, { folds: 3, seed: 0 }));
  const sweep = await beginSweep(sweepFile("seeds: [4, 9]\npoints: [{}]\n"), {
    data: copy,
    out: join(folder, "with-folds"),
  });
  assert.deepEqual(
    sweep.trials.map(({ seed, fold }) => [seed, fold]),
    [
      [4, 0],
      [4, 1],
      [4, 2],
      [9, 0],
      [9, 1],
      [9, 2],
    ],
  );
  const beyond = sweepFile("folds: [3]\npoints: [{}]\n");
  await assert.rejects(
    beginSweep(beyond, { data: copy, out: join(folder, "x") }),
    /expected folds from 0 to 2, received 3/,
  );
  const none = sweepFile("folds: [0]\npoints: [{}]\n");
  await assert.rejects(beginSweep(none, { data, out: join(folder, "x") }), /has a single split and no folds/);
  assert.ok(!existsSync(join(folder, "x")));
});

test("a sweep goes on as it began: another budget is taken, other settings are refused", async () => {
  const out = join(folder, "changed");
  const text = "search: random\nspace: {slice.dropout: {float: [0, 0.5]}}\nbudget: {points: 2}\n";
  const file = sweepFile(text);
  const sweep = await beginSweep(file, { data, out });
  assert.equal(sweep.propose([], 9).length, 2);
  writeFileSync(file, readFileSync(file, "utf8").replace("points: 2", "points: 5"));
  const more = await beginSweep(file, { data, out });
  assert.equal(more.propose(waiting(more), 9).length, 3);
  writeFileSync(file, readFileSync(file, "utf8").replace("0.5", "0.6"));
  await assert.rejects(beginSweep(file, { data, out }), SweepError);
  assert.equal((await beginSweep(out)).points.length, 5);
  assert.deepEqual(locateSweep(out), { file: null, folder: out, isBegun: true });
  const empty = join(folder, "empty"); // a folder of YAML files is a sweep itself
  mkdirSync(empty);
  assert.throws(() => locateSweep(empty), /no sweep has been started there/);
});

test("every point is checked before anything runs, and told with its key and line", async () => {
  const cases: [string, string, number, RegExp][] = [
    [
      "points: {a: {}, b: {slice.batch_size: -1}}\n",
      "slice.batch_size",
      3,
      /expected a whole number, at least 1, received -1/,
    ],
    ["space:\n  slice.dropout: [0, 1]\n", "slice.dropout", 4, /below 1, received 1/],
    ["space:\n  slice.dropuot: [0]\n", "slice.dropuot", 4, /did you mean slice.dropout\?/],
    ["space:\n  slice.warmup_epochs: [0, 2]\n", "slice.warmup_epochs", 4, /at most the 1 epochs/],
    [
      "search: tpe\nbudget: {points: 9}\nspace:\n  slice.dropout: {float: [0, 1]}\n",
      "slice.dropout",
      6,
      /below 1/,
    ],
    [
      "space:\n  kind: {choice: {a: {}, b: {slice.model: none}}}\n",
      "slice.model",
      4,
      /received the text "none"/,
    ],
    ["space:\n  seed: [1, 2]\n", "space.seed", 4, /the seeds of a sweep are set by its key seeds/],
    ["settings: {slice.epoch: 3}\npoints: [{}]\n", "slice.epoch", 3, /did you mean slice.epochs\?/],
  ];
  for (const [text, key, line, message] of cases)
    await assert.rejects(checkedSweep(sweepFile(text)), (error) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.equal(error.key, key, error.message);
      assert.equal(error.line, line, error.message);
      assert.match(error.message, message);
      return true;
    });
});

test("a key inside of a section that is a value elsewhere joins what stands there", async () => {
  const file = sweepFile(
    "settings: {transform.augment: light}\nspace: {transform.augment.rotation.degrees: [[0, 0], [-5, 5]]}\n",
  );
  const { base } = await checkedSweep(file);
  const plain = base.configOf({}).transform.augment;
  const turned = base.configOf({ "transform.augment.rotation.degrees": [-5, 5] }).transform.augment;
  assert.notDeepEqual(turned, plain);
  assert.deepEqual({ ...turned, rotation: plain.rotation }, plain);
});
