import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Random } from "@slicestack/stats";
import { SplitError } from "../../src/data/errors.js";
import { makeFolds } from "../../src/data/split/folds.js";
import { makeSplit } from "../../src/data/split/holdout.js";
import { officialSplit, splitFromTable } from "../../src/data/split/official.js";
import {
  checkSplit,
  foldName,
  readSplit,
  readSplits,
  writeSplit,
  type Split,
} from "../../src/data/split/split.js";
import type { Part } from "../../src/data/split/parts.js";
import { Pseudonyms, readSalt } from "../../src/data/ingest/privacy.js";
import { fakeDataset } from "./fake-dataset.js";
import { temporaryFolder } from "./temporary.js";

const PARTS: Part[] = ["train", "val", "test"];
type Row = [string, string, number];

/** Subjects with one to four volumes; so large a share of the volumes has another label than their subject's. */
function randomRows(random: Random, subjects: number, classes: number, others = 0.2): Row[] {
  const rows: Row[] = [];
  for (let s = 0; s < subjects; s++) {
    const label = Math.floor(random.uniform() ** 2 * classes);
    for (let v = random.integer(1, 4); v > 0; v--) {
      const other = random.chance(others) ? random.integer(0, classes - 1) : label;
      rows.push([`v${rows.length}`, `s${s}`, other]);
    }
  }
  return random.shuffle(rows);
}

test("makeSplit, 200 random data sets: every volume in one part, no subject in two, every class with 3 subjects in each part", () => {
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
      if (highest.length >= 3)
        assert.equal(parts.size, 3, `seed ${seed}: class ${label}, a stratum of its own`);
      if (subjects < 3)
        assert.ok(warned, `seed ${seed}: class ${label} has ${subjects} subjects and no warning`);
    }
    checkSplit(split, dataset);
  }
});

test("makeSplit: one label per subject, so every class with three subjects is in every part, without warnings", () => {
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

test("makeSplit: the same seed gives the same split in any order of the volumes, and another seed gives another split", () => {
  const rows = randomRows(new Random(1), 40, 3);
  const split = makeSplit(fakeDataset(rows), { seed: 4 });
  assert.deepEqual(makeSplit(fakeDataset([...rows].reverse()), { seed: 4 }), split);
  const other = makeSplit(fakeDataset(rows), { seed: 5 });
  assert.notDeepEqual(other.parts, split.parts);
  assert.notEqual(other.hash, split.hash);
});

test("makeSplit: a part that stays empty is reported, because training would refuse it; a class whose name is its number is reported once", () => {
  const rows: Row[] = [
    ["v0", "s0", 0],
    ["v1", "s1", 0],
    ["v2", "s2", 1],
  ];
  const dataset = fakeDataset(rows);
  dataset.info.classes = ["0", "1"];
  assert.deepEqual(makeSplit(dataset, { seed: 1 }).warnings, [
    "class 0 has 2 subjects: too few to be in every part",
    "class 1 has 1 subject: too few to be in every part",
    "val is empty, because no class has 3 subjects; training needs volumes in train and val",
  ]);
});

test("makeSplit: small classes are reported; a share of 0 leaves its part empty; impossible shares are refused", () => {
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
  // The command line takes no share of 0, so the remedy must not name one.
  assert.throws(() => makeSplit(fakeDataset(rows.slice(0, 2)), { seed: 1 }), {
    message:
      /at least 3 subjects, but the data set has [12]\. Add subjects: each of train, val, test needs at least one\.$/,
  });
});

test("readSplit returns what writeSplit wrote, and refuses an edited or foreign file", (t) => {
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

test("checkSplit refuses another data set, unknown ids, repeated ids, a subject in two parts, and a changed hash", () => {
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
    [changed((parts) => parts.val.push("ghost")), /val contains ghost/],
    [changed((parts) => parts.test.push(split.parts.train[0] ?? "")), /appears twice/],
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

const partsOf = (split: Split, id: string) => PARTS.filter((part) => split.parts[part].includes(id));

test("makeFolds, 60 random data sets: within a repeat every volume is in test once and in val once, and no subject is in two parts", () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = new Random(seed);
    const rows = randomRows(random, random.integer(8, 60), random.integer(2, 4));
    const dataset = fakeDataset(rows);
    const splits = makeFolds(dataset, { seed, folds: 4, repeats: 2 });
    assert.equal(splits.length, 8);
    for (const split of splits) checkSplit(split, dataset);
    for (let repeat = 0; repeat < 2; repeat++) {
      const folds = splits.slice(repeat * 4, repeat * 4 + 4);
      for (const [id] of rows) {
        const parts = folds.map((split) => partsOf(split, id).join());
        assert.deepEqual([...parts].sort(), ["test", "train", "train", "val"], `seed ${seed}, ${id}`);
      }
    }
    // Eight subjects of very different size can be dealt out evenly in one way alone.
    if (rows.length > 60)
      assert.notDeepEqual(splits[0]?.parts, splits[4]?.parts, "the second repeat is another draw");
    assert.deepEqual(makeFolds(fakeDataset([...rows].reverse()), { seed, folds: 4, repeats: 2 }), splits);
  }
});

test("makeFolds spreads classes and volumes evenly: with one label per subject, the counts of a class differ by at most one between folds", () => {
  const rows = [50, 23, 9, 5].flatMap((n, label) =>
    Array.from({ length: n }, (_, i): Row => [`${label}-${i}`, `${label}-${i}`, label]),
  );
  for (let seed = 0; seed < 20; seed++) {
    const folds = makeFolds(fakeDataset(rows), { seed, folds: 5 });
    for (const label of [0, 1, 2, 3]) {
      const counts = folds.map(({ parts }) => parts.test.filter((id) => id.startsWith(`${label}-`)).length);
      assert.ok(
        Math.max(...counts) - Math.min(...counts) <= 1,
        `seed ${seed}, class ${label}: ${counts.join()}`,
      );
    }
  }
});

test("makeFolds with a shared test part: each fold is the val part in turn, and the test part never changes", () => {
  const rows = randomRows(new Random(7), 50, 3);
  const dataset = fakeDataset(rows);
  for (const test of [0.2, rows.filter((row) => row[1] === "s3" || row[1] === "s5").map((row) => row[0])]) {
    const folds = makeFolds(dataset, { seed: 1, folds: 5, test });
    const held = folds[0]!.parts.test;
    assert.ok(held.length > 0);
    const others = rows.map(([id]) => id).filter((id) => !held.includes(id));
    for (const split of folds) assert.deepEqual(split.parts.test, held);
    for (const id of others) assert.equal(folds.filter(({ parts }) => parts.val.includes(id)).length, 1, id);
  }
  assert.throws(() => makeFolds(dataset, { seed: 1, folds: 2 }), /from 3 to/);
  assert.equal(makeFolds(dataset, { seed: 1, folds: 2, test: 0.2 }).length, 2);
  assert.throws(() => makeFolds(dataset, { seed: 1, folds: 5, test: 1 }), SplitError);
  assert.throws(() => makeFolds(dataset, { seed: 1, folds: 5, repeats: 0 }), SplitError);
});

test("a group column keeps each site together, in a single split and in folds; sites that share a subject are joined", () => {
  const rows = Array.from({ length: 60 }, (_, i): Row => [`v${i}`, `s${i % 50}`, i % 2]);
  const dataset = fakeDataset(rows);
  // Site F holds one more volume of subject s0, who was also seen in A.
  dataset.volumes.forEach((volume, i) => (volume.extra = { site: i === 50 ? "F" : "ABCDE"[i % 5]! }));
  const siteOf = new Map(dataset.volumes.map(({ id, extra }) => [id, extra["site"]]));
  const splits = [
    makeSplit(dataset, { seed: 2, group: "site" }),
    ...makeFolds(dataset, { seed: 2, folds: 3, group: "site" }),
  ];
  for (const split of splits) {
    assert.deepEqual(split.by, ["subject", "site"]);
    const found = new Map<string, Set<Part>>();
    for (const part of PARTS)
      for (const id of split.parts[part]) {
        const site = siteOf.get(id) === "F" ? "A" : siteOf.get(id)!;
        found.set(site, (found.get(site) ?? new Set()).add(part));
      }
    for (const [site, parts] of found) assert.equal(parts.size, 1, `${site} is in ${[...parts].join()}`);
  }
  assert.throws(() => makeSplit(dataset, { seed: 2, group: "scanner" }), /expected a column scanner.*site/);
  // All volumes of no known site are not one site.
  dataset.volumes[3]!.extra = { site: "NA" };
  assert.throws(() => makeSplit(dataset, { seed: 2, group: "site" }), /v3 has no site/);
  dataset.volumes[3]!.extra = {};
  assert.throws(() => makeSplit(dataset, { seed: 2, group: "site" }), /column site/);
});

test("an official split is used unchanged; if val or test is missing, the data set's val becomes test, and val is taken from train", () => {
  const rows = Array.from({ length: 50 }, (_, i): Row => [`v${i}`, `s${i}`, i % 2]);
  const dataset = fakeDataset(rows);
  const give = (partOf: (i: number) => Part | null) =>
    dataset.volumes.forEach((volume, i) => (volume.part = partOf(i)));
  give((i) => (i < 30 ? "train" : i < 40 ? "val" : "test"));
  const whole = officialSplit(dataset);
  assert.deepEqual([whole.origin, whole.warnings, whole.parts.test.length], ["official", [], 10]);
  give((i) => (i < 40 ? "train" : "val"));
  const two = officialSplit(dataset);
  assert.deepEqual(
    two.parts.test,
    rows
      .slice(40)
      .map(([id]) => id)
      .sort(),
  );
  assert.deepEqual([two.parts.val.length, two.parts.train.length], [8, 32]);
  assert.match(
    two.warnings.join(),
    /the official val part is used as the test part.*val was drawn from the official train part/s,
  );
  give((i) => (i === 4 ? null : "train"));
  assert.throws(() => officialSplit(dataset), /1 of 50 volumes have no part \(v4\)/);
});

test("a split given by the user, by id or by subject; a subject in two parts, unknown words and missing volumes are refused", (t) => {
  const rows: Row[] = [
    ["a1", "a", 0],
    ["a2", "a", 1],
    ["b", "b", 0],
    ["c", "c", 1],
  ];
  const dataset = fakeDataset(rows);
  const file = join(temporaryFolder(t), "parts.csv");
  const from = (text: string) => {
    writeFileSync(file, text);
    return splitFromTable(dataset, file);
  };
  const expected = { train: ["a1", "a2"], val: ["b"], test: ["c"] };
  assert.deepEqual(from("subject,part\na,train\nb,val\nc,test\n").parts, expected);
  assert.deepEqual(from("id,part\na1,train\na2,train\nb,val\nc,test\n").parts, expected);
  assert.throws(() => from("id,part\na1,train\na2,val\nb,val\nc,test\n"), /subject a is in/);
  assert.throws(() => from("id,part\na1,dev\n"), /line 2: expected train, val or test/);
  assert.throws(() => from("subject,part\na,train\nb,val\n"), /1 of 4 volumes have no part \(c\)/);
  assert.throws(() => from("name,fold\na,1\n"), /expected the columns/);
});

test("folds are written to one file and read back; reading them as a single split is refused with the remedy", (t) => {
  const dataset = { ...fakeDataset(randomRows(new Random(2), 20, 2)), directory: temporaryFolder(t) };
  const folds = makeFolds(dataset, { seed: 3, folds: 3, repeats: 2 });
  const path = writeSplit(dataset, folds);
  assert.deepEqual(readSplits(path), folds);
  assert.throws(() => readSplit(path), /has 6 folds\. Choose one with --fold/);
  assert.equal(foldName(folds[4]!), "fold 4 of 0–5 (repeat 1)");
  const edited = JSON.parse(readFileSync(path, "utf8")) as { folds: Split[] };
  edited.folds[1]!.parts.val.pop();
  writeFileSync(path, JSON.stringify(edited));
  assert.throws(() => readSplits(path), /edited by hand/);
});

/** Whether some dealing of the subjects leaves no train part without a class; every dealing is tried. */
function hasSolution(rows: readonly Row[], k: number): boolean {
  const subjects = [...new Set(rows.map((row) => row[1]))];
  const classes = new Set(rows.map((row) => row[2]));
  const bits = subjects.map((name) =>
    rows.filter((row) => row[1] === name).reduce((all, row) => all | (1 << row[2]), 0),
  );
  const all = [...classes].reduce((found, label) => found | (1 << label), 0);
  const folds = new Array<number>(k).fill(0);
  const place = (s: number): boolean => {
    if (s === subjects.length) {
      return folds.every(
        (_, i) =>
          folds.reduce((seen, own, f) => (f === i || f === (i + 1) % k ? seen : seen | own), 0) === all,
      );
    }
    return folds.some((before, f) => {
      folds[f] = before | bits[s]!;
      const found = place(s + 1);
      folds[f] = before;
      return found;
    });
  };
  return place(0);
}

test("makeFolds, 250 small data sets: if an assignment gives every train part every class, it is found; otherwise the fold is reported", () => {
  let solvable = 0;
  for (let seed = 0; seed < 250; seed++) {
    const random = new Random(seed);
    const rows = randomRows(random, random.integer(6, 8), 3, 0.6);
    const dataset = fakeDataset(rows);
    const splits = makeFolds(dataset, { seed, folds: 3 });
    const label = new Map(rows.map((row) => [row[0], row[2]]));
    const present = new Set(rows.map((row) => row[2]));
    const lacking = splits.flatMap((split) => {
      const trained = new Set(split.parts.train.map((id) => label.get(id)!));
      return [...present].filter((one) => !trained.has(one)).map((one) => [split, one] as const);
    });
    if (hasSolution(rows, 3)) {
      solvable++;
      assert.deepEqual(
        lacking.map(([split, one]) => [foldName(split), one]),
        [],
        `seed ${seed}`,
      );
    }
    for (const [split, one] of lacking)
      assert.ok(
        split.warnings.some(
          (text) => text.startsWith(`${foldName(split)}: class ${one} `) && text.includes("is not in train"),
        ),
        `seed ${seed}: ${split.warnings.join()}`,
      );
  }
  assert.ok(solvable >= 100, String(solvable));
});

test("makeFolds: three folds of seven subjects, three of them with the rare class: it is in every train part", () => {
  const text = "s0 0,s0 2,s1 2,s1 1,s1 1,s2 2,s2 0,s3 1,s3 2,s3 2,s4 2,s4 0,s5 0,s5 2,s5 0,s6 0,s6 1";
  const rows = text.split(",").map((row, k): Row => [`v${k}`, row.split(" ")[0]!, Number(row.split(" ")[1])]);
  const splits = makeFolds(fakeDataset(rows), { seed: 0, folds: 3 });
  const label = new Map(rows.map((row) => [row[0], row[2]]));
  for (const { parts, warnings } of splits) {
    assert.deepEqual(new Set(parts.train.map((id) => label.get(id))), new Set([0, 1, 2]));
    assert.deepEqual(warnings, []);
  }
});

test("splitFromTable finds volumes by path, by hashed PatientID, and otherwise says how the data set names them", (t) => {
  const folder = temporaryFolder(t);
  const saltFile = join(folder, "salt");
  writeFileSync(saltFile, "a secret of sixteen and more\n");
  const pseudonyms = new Pseudonyms(readSalt(saltFile));
  const patients = ["P1", "P2", "P3"];
  const dataset = fakeDataset(
    patients.map((patient, k) => [`v${k}`, pseudonyms.of("patient", patient), k % 2]),
  );
  dataset.volumes.forEach((volume, k) => (volume.source = `scans/v${k}.nii.gz`));
  const file = join(folder, "split.csv");
  const write = (key: string, names: string[], part = "part") =>
    writeFileSync(
      file,
      `${key},${part}\n${names.map((name, k) => `${name},${["train", "Validation", "test"][k]}`).join("\n")}\n`,
    );
  const expected = { train: ["v0"], val: ["v1"], test: ["v2"] };
  write("PatientID", patients);
  assert.deepEqual(splitFromTable(dataset, file, 0, { saltFile }).parts, expected);
  write("subject", patients, "Split");
  assert.deepEqual(splitFromTable(dataset, file, 0, { saltFile }).parts, expected);
  write("path", ["./scans/v0.nii.gz", "scans\\v1.nii.gz", "v2"]);
  assert.deepEqual(splitFromTable(dataset, file, 0, { saltFile }).parts, expected);
  write("PatientID", ["X", "Y", "Z"]);
  assert.throws(
    () => splitFromTable(dataset, file, 0, { saltFile }),
    /column PatientID names no volume.*--salt-file/,
  );
});
