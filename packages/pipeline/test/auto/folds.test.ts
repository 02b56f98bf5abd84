/** The test set that is held, the folds around it, and what stops a comparison before it begins. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AutoError } from "../../src/auto/errors.js";
import { foldsAround, holdTestSet, mostFolds } from "../../src/auto/folds.js";
import { leaksOf } from "../../src/auto/leaks.js";
import type { Part } from "../../src/data/split/parts.js";
import type { Dataset } from "../../src/data/store.js";

/** A data set with one volume for each label, of its own subject; `parts` are those of an official split. */
function datasetOf(labels: readonly number[], parts: readonly (Part | null)[] = []): Dataset {
  const geometry = { spacing: [1, 1, 1], origin: [0, 0, 0], direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] } as const;
  const volumes = labels.map((label, k) => ({
    ...{
      id: `v${k}`,
      subject: `s${k}`,
      label,
      first: 0,
      count: 8,
      part: parts[k] ?? null,
      unit: "HU" as const,
    },
    ...{ geometry, original: { ...geometry, shape: [8, 8, 8] }, crop: null, source: `v${k}`, extra: {} },
    ...{ sha256: "", voxelSha256: "", meanLungHu: null },
  })) as unknown as Dataset["volumes"];
  const classes = ["well", "ill", "rare"].slice(0, Math.max(...labels) + 1);
  const info = {
    name: "made up",
    height: 8,
    width: 8,
    unit: "HU",
    classes,
    count: volumes.length,
    hash: "h",
  };
  return {
    directory: "",
    info: info as unknown as Dataset["info"],
    volumes,
    slicesPath: "",
    slicesOffset: 0,
  };
}
const times = (count: number, label: number): number[] => Array.from({ length: count }, () => label);

test("a fifth of the subjects is held, every fold has it as its test set, and every other volume is val once", () => {
  const dataset = datasetOf([...times(30, 0), ...times(20, 1)]);
  const held = holdTestSet(dataset, 0);
  assert.deepEqual([held.test.length, held.origin, held.subjects], [10, "drawn", [24, 16]]);
  const folds = foldsAround(dataset, held, 4, 0);
  for (const { parts } of folds) assert.deepEqual(parts.test, [...held.test].sort());
  const val = folds.flatMap(({ parts }) => parts.val);
  assert.equal(new Set(val).size, 40);
  assert.equal(val.length, 40);
  assert.equal(mostFolds(held), 16);
});

test("an official test set is held as it is", () => {
  const labels = [...times(10, 0), ...times(10, 1)];
  const parts = labels.map((_, k): Part => (k % 5 === 0 ? "test" : k % 5 === 1 ? "val" : "train"));
  const held = holdTestSet(datasetOf(labels, parts), 0);
  assert.deepEqual([held.origin, held.test], ["official", ["v0", "v10", "v15", "v5"]]);
  assert.deepEqual(held.warnings, []);
});

test("a class with too few subjects limits nothing and is named; with one usable class there is no comparison", () => {
  const held = holdTestSet(datasetOf([...times(10, 0), ...times(10, 1), 2]), 0);
  assert.match(held.warnings.join(), /class 2 \(rare\) has 1 subject: too few to be in every part/);
  assert.equal(mostFolds(held), 8);
  assert.throws(
    () => holdTestSet(datasetOf([...times(10, 0), 1]), 0),
    (error: unknown) =>
      error instanceof AutoError &&
      /expected at least two classes with two subjects each outside the test set, found well \d+, ill [01]/.test(
        error.message,
      ),
  );
});

test("leaks are errors of the audit, and scans under two subjects; copies of one subject are none", () => {
  const pair = {
    a: "x",
    b: "y",
    kind: "identical",
    distance: 0,
    correlation: 1,
    sameLabel: true,
    parts: null,
  } as const;
  const audit = (sameSubject: boolean, kind: "identical" | "near" = "identical") => ({
    findings: [{ severity: "warning" as const, text: "to be checked" }],
    duplicates: { pairs: [{ ...pair, kind, sameSubject }], total: 1 },
  });
  assert.deepEqual(leaksOf(audit(true)), []);
  assert.match(
    leaksOf(audit(false))[0]!,
    /^1 pair of scans is the same scan under two subjects: x and y\. One of them/,
  );
  assert.match(leaksOf(audit(false, "near"))[0]!, /x and y \(nearly identical\)/);
  assert.deepEqual(
    leaksOf({ findings: [{ severity: "error", text: "Two labels." }], duplicates: { pairs: [], total: 0 } }),
    ["Two labels."],
  );
});
