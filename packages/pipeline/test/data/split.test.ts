import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SplitError } from "../../src/data/errors.js";
import { Random } from "../../src/data/random.js";
import { checkSplit, makeSplit, readSplit, writeSplit, type Part, type Split } from "../../src/data/split.js";
import { fakeDataset } from "./fake-dataset.js";
import { temporaryFolder } from "./temporary.js";

const PARTS: Part[] = ["train", "val", "test"];
type Row = [string, string, number];

/** Subjects with one to four volumes; a fifth of the subjects have volumes of two classes. */
function randomRows(random: Random, subjects: number, classes: number): Row[] {
  const rows: Row[] = [];
  for (let s = 0; s < subjects; s++) {
    const label = Math.floor(random.uniform() ** 2 * classes);
    for (let v = random.integer(1, 4); v > 0; v--) {
      const other = random.chance(0.2) ? random.integer(0, classes - 1) : label;
      rows.push([`v${rows.length}`, `s${s}`, other]);
    }
  }
  return random.shuffle(rows);
}

test("makeSplit, 200 random data sets: every volume in one part, no subject in two, every class with 3 subjects in each", () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new Random(seed);
    const rows = randomRows(random, random.integer(6, 80), random.integer(2, 5));
    const dataset = fakeDataset(rows);
    const split = makeSplit(dataset, { seed });
    const partOf = new Map(PARTS.flatMap((part) => split.parts[part].map((id) => [id, part] as const)));
    assert.equal(
      PARTS.reduce((n, part) => n + split.parts[part].length, 0),
      rows.length,
    );
    assert.deepEqual([...partOf.keys()].sort(), rows.map((row) => row[0]).sort());
    for (const subject of new Set(rows.map((row) => row[1]))) {
      const parts = new Set(rows.filter((row) => row[1] === subject).map((row) => partOf.get(row[0])));
      assert.equal(parts.size, 1, `seed ${seed}: ${subject} is in ${[...parts].join(" and ")}`);
    }
    for (let label = 0; label < dataset.info.classes.length; label++) {
      const holders = rows.filter((row) => row[2] === label);
      const subjects = new Set(holders.map((row) => row[1])).size;
      const parts = new Set(holders.map((row) => partOf.get(row[0])));
      const warned = split.warnings.some((text) => text.startsWith(`class ${label} `));
      assert.ok(
        parts.size === 3 || warned,
        `seed ${seed}: class ${label} with ${subjects} subjects is in ${parts.size}`,
      );
      const highest = [...new Set(rows.map((row) => row[1]))].filter(
        (subject) => Math.max(...rows.filter((row) => row[1] === subject).map((row) => row[2])) === label,
      );
      if (highest.length >= 3) assert.equal(parts.size, 3, `seed ${seed}: class ${label}, a stratum of its own`);
      if (subjects < 3) assert.ok(warned, `seed ${seed}: class ${label} has ${subjects} subjects and no warning`);
    }
    checkSplit(split, dataset);
  }
});

test("makeSplit: one label a subject, so every class with three subjects is in every part, without warnings", () => {
  for (let seed = 0; seed < 100; seed++) {
    const counts = [23, 54, 11, 6, 3];
    const rows = counts.flatMap((n, label) =>
      Array.from({ length: n }, (_, i): Row => [`${label}-${i}`, `${label}-${i}`, label]),
    );
    const split = makeSplit(fakeDataset(rows), { seed });
    assert.deepEqual(split.warnings, []);
    for (const part of PARTS) assert.equal(new Set(split.parts[part].map((id) => id[0])).size, 5);
    const [train, val, held] = PARTS.map((part) => split.parts[part].length / rows.length);
    for (const [found, wanted] of [
      [train, 0.6],
      [val, 0.2],
      [held, 0.2],
    ] as const) {
      assert.ok(Math.abs((found ?? 0) - wanted) < 0.025, `${found} of the subjects, wanted ${wanted}`);
    }
  }
});

test("makeSplit: the same seed gives the same split whatever the order of the volumes, another seed another", () => {
  const rows = randomRows(new Random(1), 40, 3);
  const split = makeSplit(fakeDataset(rows), { seed: 4 });
  assert.deepEqual(makeSplit(fakeDataset([...rows].reverse()), { seed: 4 }), split);
  const other = makeSplit(fakeDataset(rows), { seed: 5 });
  assert.notDeepEqual(other.parts, split.parts);
  assert.notEqual(other.hash, split.hash);
});

test("makeSplit: small classes are named; a share of 0 leaves its part empty; impossible shares are refused", () => {
  const rows = Array.from({ length: 12 }, (_, i): Row => [`v${i}`, `s${i}`, i < 10 ? 0 : 1]);
  const split = makeSplit(fakeDataset(rows), { seed: 1 });
  assert.deepEqual(split.warnings, ["class 1 (class_1) has 2 subjects: too few to be in every part"]);
  const two = makeSplit(fakeDataset(rows), { seed: 1, fractions: [0.8, 0.2, 0] });
  assert.equal(two.parts.test.length, 0);
  assert.ok(two.parts.val.length >= 2);
  for (const fractions of [
    [0.5, 0.2, 0.2],
    [1.2, -0.1, -0.1],
    [0, 0.5, 0.5],
    [NaN, 0.5, 0.5],
  ] as [number, number, number][]) {
    assert.throws(() => makeSplit(fakeDataset(rows), { seed: 1, fractions }), SplitError);
  }
  assert.throws(() => makeSplit(fakeDataset(rows.slice(0, 2)), { seed: 1 }), /at least 3 subjects/);
});

test("readSplit gives back what writeSplit wrote, and refuses an edited or foreign file", (t) => {
  const folder = temporaryFolder(t);
  const dataset = { ...fakeDataset(randomRows(new Random(2), 20, 2)), directory: folder };
  const split = makeSplit(dataset, { seed: 9 });
  const path = writeSplit(dataset, split);
  assert.equal(path, join(folder, "split.json"));
  assert.deepEqual(readSplit(path), split);
  const moved = JSON.parse(readFileSync(path, "utf8")) as Split;
  moved.parts.test.push(moved.parts.train.pop() ?? "");
  writeFileSync(path, JSON.stringify(moved));
  assert.throws(() => readSplit(path), /edited by hand/);
  writeFileSync(path, "{}");
  assert.throws(() => readSplit(path), SplitError);
  assert.throws(() => readSplit(join(folder, "none.json")), /ENOENT/);
});

test("checkSplit refuses another data set, unknown ids, ids twice, a subject in two parts, and a changed hash", () => {
  const rows: Row[] = [
    ["a1", "a", 0],
    ["a2", "a", 0],
    ...Array.from({ length: 8 }, (_, i): Row => [`v${i}`, `s${i}`, i % 2]),
  ];
  const dataset = fakeDataset(rows);
  const split = makeSplit(dataset, { seed: 3 });
  const changed = (edit: (parts: Split["parts"]) => void): Split => {
    const copy = structuredClone(split);
    edit(copy.parts);
    return copy;
  };
  const home = PARTS.find((part) => split.parts[part].includes("a2")) ?? "train";
  const away = home === "train" ? "val" : "train";
  const overlap = changed((parts) => {
    parts[home].splice(parts[home].indexOf("a2"), 1);
    parts[away].push("a2");
  });
  const cases: [Split, RegExp][] = [
    [{ ...split, datasetHash: "b".repeat(64) }, /it was made for bbb/],
    [changed((parts) => parts.val.push("ghost")), /val names ghost/],
    [changed((parts) => parts.test.push(split.parts.train[0] ?? "")), /stands twice/],
    [overlap, /subject a is in/],
    [{ ...split, seed: split.seed + 1 }, /expected the hash/],
  ];
  for (const [bad, message] of cases) {
    assert.throws(
      () => checkSplit(bad, dataset),
      (error) => error instanceof SplitError && message.test(error.message),
      String(message),
    );
  }
  checkSplit(split, dataset);
});
