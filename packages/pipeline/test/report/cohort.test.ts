/** The flow and Table 1 of a group: one split, folds with a test part each, folds that share one, many folds. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { makeFolds } from "../../src/data/split/folds.js";
import { makeSplit } from "../../src/data/split/holdout.js";
import { type Split } from "../../src/data/split/split.js";
import { taskOf } from "../../src/data/task.js";
import type { Dataset } from "../../src/data/store.js";
import { readSubjectTable } from "../../src/evaluate/subject-table.js";
import { cohortTable, flowOf, type CohortSplit } from "../../src/report/cohort.js";
import "../../src/models/catalogue.js";
import { loadConfig } from "../../src/config/load.js";
import { fakeDataset } from "../data/fake-dataset.js";
import { temporaryFolder } from "../data/temporary.js";

/** 40 subjects with one volume each, 10 of them female. */
function dataset(t: TestContext): Dataset {
  const directory = temporaryFolder(t);
  const ids = Array.from({ length: 40 }, (_, k) => `v${k}`);
  const rows = ids.map((id, k) => `${id},${k % 4 === 0 ? "F" : "M"}`);
  writeFileSync(join(directory, "subjects.csv"), `id,sex\n${rows.join("\n")}\n`);
  return { ...fakeDataset(ids.map((id, k) => [id, id, k % 2])), directory };
}

const config = loadConfig({});
const splitsOf = (data: Dataset, splits: readonly Split[]): CohortSplit[] =>
  splits.map((split) => ({
    name: `fold${split.fold?.fold ?? 0}`,
    opened: { dataset: data, split, task: taskOf(config, data, split) },
  }));

test("a group on one split has the parts of a run", (t) => {
  const data = dataset(t);
  const splits = splitsOf(data, [makeSplit(data, { seed: 1 })]);
  assert.deepEqual(
    flowOf(splits, null).parts.map(({ part }) => part),
    ["train", "val", "test"],
  );
  assert.deepEqual(cohortTable(splits, null)?.rows.length, 2);
});

test("over folds, each subject counts once: all of them, then the test part of each fold", (t) => {
  const data = dataset(t);
  const splits = splitsOf(data, makeFolds(data, { seed: 1, folds: 4 }));
  const { parts, leftOut, read } = flowOf(splits, null);
  assert.deepEqual([read, leftOut], [40, []]);
  assert.deepEqual(
    parts.map(({ part, subjects }) => [part, subjects]),
    [0, 1, 2, 3].map((fold) => [`fold${fold} test`, 10]),
  );
  const { columns, rows } = cohortTable(splits, null)!;
  assert.deepEqual(columns.slice(0, 3), ["", "all (n = 40)", "fold0 test (n = 10)"]);
  assert.deepEqual(
    rows.map((row) => row.slice(0, 2)),
    [
      ["sex: F", "10 (25 %)"],
      ["sex: M", "30 (75 %)"],
    ],
  );
  const other = {
    dataset: data,
    volumes: splits[0]!.opened.task.parts.test,
    table: readSubjectTable(data.directory),
  };
  assert.equal(flowOf(splits, other).external?.part, "fake, external");
  assert.deepEqual(cohortTable(splits, other)?.columns, ["", "all (n = 40)", "fake, external (n = 10)"]);
});

test("folds that share a test part: it counts once, beside all that takes turns", (t) => {
  const data = dataset(t);
  const splits = splitsOf(data, makeFolds(data, { seed: 1, folds: 3, test: 0.25 }));
  assert.deepEqual(
    flowOf(splits, null).parts.map(({ part, subjects }) => [part, subjects]),
    [
      ["train or val, 3 folds", 30],
      ["test", 10],
    ],
  );
});

test("ten folds are one box, which holds every subject once", (t) => {
  const data = dataset(t);
  const splits = splitsOf(data, makeFolds(data, { seed: 1, folds: 10 }));
  assert.deepEqual(
    flowOf(splits, null).parts.map(({ part, subjects }) => [part, subjects]),
    [["test, 10 splits", 40]],
  );
  assert.deepEqual(cohortTable(splits, null)?.columns, ["", "test, 10 splits (n = 40)"]);
});
