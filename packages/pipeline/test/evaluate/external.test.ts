/** External validation: a run scored on another prepared data set, in whole or in part. */
import assert from "node:assert/strict";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { openDataset, type DatasetInfo } from "../../src/data/store.js";
import { makeSplit } from "../../src/data/split/holdout.js";
import { writeSplit } from "../../src/data/split/split.js";
import { evaluate } from "../../src/tasks/evaluate.js";
import { externalFolder } from "../../src/evaluate/output-folder.js";
import type { OtherData } from "../../src/evaluate/matched-volumes.js";
import { openTestPart } from "../../src/evaluate/test-part.js";
import { readPredictions } from "../../src/evaluate/predictions.js";
import { readRecord } from "../../src/run/folder.js";
import { openRun } from "../../src/run/open-run.js";
import { train } from "../../src/tasks/train.js";
import { rewriteDataset } from "../data/rewritten.js";
import { phantomData } from "../import/support.js";
import { scratch, smallConfig, smallDataset } from "../train/support.js";

const folder = scratch();
const run = join(folder, "run");
let [data, other] = ["", ""];
before(async () => {
  data = await smallDataset(folder);
  other = await phantomData(folder, "elsewhere", { counts: [3, 2, 2, 2, 2], seed: 21 });
  writeSplit(openDataset(other), makeSplit(openDataset(other), { seed: 0 }));
  await train({ config: smallConfig({ "slice.epochs": "1", "head.epochs": "1" }), data, out: run });
});

/** The folder of a data set: its name and the beginning of its hash. */
function externalOf(name: string, ending = ""): string {
  const found = readdirSync(join(run, "external")).filter(
    (one) =>
      one.startsWith(`${name}-`) && one.length === name.length + 13 + ending.length && one.endsWith(ending),
  );
  assert.equal(found.length, 1, found.join());
  return join(run, "external", found[0]!);
}
const readExternal = (name: string) => readPredictions(join(externalOf(name), "predictions.csv"));
const tested = (name: string, model: string) =>
  readExternal(name).find((one) => one.model === model && one.part === "test");

/** A copy of a data set whose dataset.json says something else. */
function changed(from: string, name: string, change: (info: DatasetInfo) => Partial<DatasetInfo>): string {
  const copy = join(folder, name);
  cpSync(from, copy, { recursive: true });
  rmSync(join(copy, "split.json"), { force: true });
  rewriteDataset(copy, (info) => ({ name, ...change(info) }));
  return copy;
}

test("all of another data set is scored as trained, in a folder of its own, and the run's test part stays unread", async () => {
  const { report, table } = await evaluate({ run, data: other });
  assert.equal(report, join(externalOf("elsewhere"), "report.html"));
  const ids = openDataset(other).volumes.map(({ id }) => id);
  const note = `External validation: all of data set elsewhere, ${ids.length} volumes; the run was trained on small.`;
  assert.ok(table.startsWith(note), table);
  const page = readFileSync(report, "utf8");
  assert.match(page, /small on elsewhere/);
  assert.ok(page.includes(note));
  assert.match(page, /elsewhere, external/);
  assert.match(page, /prepared differently from the training data \(depth 32, in training 8\)/);
  assert.doesNotMatch(page, /The test part was read once/);
  for (const model of ["majority", "shortcut", "2d_vote", "2.5d"])
    assert.deepEqual([...(tested("elsewhere", model)?.ids ?? [])].sort(), [...ids].sort(), model);
  assert.equal(readRecord(run).testReads, 0);
  assert.ok(!existsSync(join(run, "report.html")));
});

const scoredOn = (directory: string, how: Partial<OtherData> = {}) =>
  openTestPart(run, { directory, part: "all", mapClasses: {}, ...how });

test("a part of another data set's split", () => {
  const { volumes, notes } = scoredOn(other, { part: "test" });
  const split = makeSplit(openDataset(other), { seed: 0 });
  assert.deepEqual(volumes.map(({ id }) => id).sort(), split.parts.test);
  assert.match(notes[0]!, /^External validation: the test part of data set elsewhere/);
  const bare = changed(other, "bare", () => ({}));
  assert.throws(() => scoredOn(bare, { part: "test" }), { name: "SplitError", message: /slicestack split/ });
});

test("volumes that the run was trained on, or chosen by, are left out, and the rest is said of them as before", async () => {
  const copy = changed(data, "copy", () => ({}));
  const { table } = await evaluate({ run, data: copy });
  const { test: own, train: trained, val } = openRun(run).task.parts;
  assert.match(table, new RegExp(`${trained.length + val.length} volumes were left out`));
  const external = tested("copy", "2.5d")!;
  assert.deepEqual([...external.ids].sort(), own.map(({ id }) => id).sort());
  await evaluate({ run });
  assert.equal(readRecord(run).testReads, 1);
  const inside = readPredictions(join(run, "predictions.csv")).find(
    (one) => one.model === "2.5d" && one.part === "test",
  )!;
  // What it says of a subject does not depend on the company they are scored in.
  inside.ids.forEach((id, k) => {
    const outside = external.probabilities[external.ids.indexOf(id)]!;
    inside.probabilities[k]!.forEach((p, label) => assert.ok(Math.abs(p - outside[label]!) < 1e-3, id));
  });
  const onlySeen = join(folder, "only seen");
  cpSync(data, onlySeen, { recursive: true });
  writeSplit(openDataset(onlySeen), openRun(run).split);
  assert.throws(() => scoredOn(onlySeen, { part: "train" }), {
    name: "RunError",
    message: new RegExp(`was trained on, or chosen by, all ${trained.length} volumes`),
  });
});

test("classes go by their names: another order gives the same labels, and other names have to be mapped", () => {
  const renamed = changed(other, "renamed", ({ classes }) => ({
    classes: classes.map((name) => `grade ${name}`),
  }));
  const unknown =
    /does not know the class grade CT-0, grade CT-1.*its classes are CT-0, CT-1, CT-2, CT-3, CT-4.*--map-classes 'grade CT-0=CT-0'/;
  assert.throws(() => scoredOn(renamed), { name: "RunError", message: unknown });
  // As if the other site had counted its grades from the other end.
  const reversed = changed(other, "reversed", ({ classes }) => ({ classes: [...classes].reverse() }));
  const theirs = new Map(openDataset(other).volumes.map(({ id, label }) => [id, label]));
  for (const { id, label } of scoredOn(reversed).volumes) assert.equal(label, 4 - theirs.get(id)!, id);

  const mapClasses = {
    "grade CT-0": "CT-0",
    "grade CT-1": "CT-2",
    "grade CT-2": "",
    "grade CT-3": "",
    "grade CT-4": "",
  };
  const { volumes, notes } = scoredOn(renamed, { mapClasses });
  const wanted = [...theirs].filter(([, label]) => label < 2).map(([id, label]) => [id, 2 * label]);
  assert.deepEqual(
    volumes.map(({ id, label }) => [id, label]),
    wanted,
  );
  assert.match(notes.join(" "), /no volume of CT-1, CT-3, CT-4/);
});

test("values of another unit are refused", () => {
  const units = changed(other, "units", () => ({}));
  rewriteDataset(
    units,
    () => ({ unit: "arbitrary", range: [0, 255] }),
    (csv) => csv.replaceAll(",HU,", ",arbitrary,"),
  );
  assert.throws(
    () => scoredOn(units),
    /was trained on values in HU, but .*units has values in arbitrary.*--unit/,
  );
});

test("data sets of one name, and parts of one data set, have a folder each; a name cannot lead out of the run", async () => {
  const named = changed(other, "named", () => ({ name: "../../../escaped" }));
  writeSplit(openDataset(other), makeSplit(openDataset(other), { seed: 0 }));
  const before = readdirSync(join(run, "external"));
  await evaluate({ run, data: other, part: "test", resamples: 20, images: false });
  await evaluate({ run, data: named, resamples: 20, images: false });
  const { hash } = openDataset(other).info;
  const folders = [{}, { a: "x" }, { a: "y" }, { a: "x", b: "" }].map((mapClasses) =>
    externalFolder(run, { name: "other", hash }, { part: "all", mapClasses }),
  );
  assert.equal(new Set(folders).size, 4, "other classes, another folder");
  const made = readdirSync(join(run, "external"))
    .filter((name) => !before.includes(name))
    .sort();
  assert.deepEqual(made, [`_escaped-${hash.slice(0, 12)}`, `elsewhere-${hash.slice(0, 12)}-test`]);
  assert.ok(!existsSync(join(folder, "escaped")) && !existsSync(join(folder, "../escaped")));
});
