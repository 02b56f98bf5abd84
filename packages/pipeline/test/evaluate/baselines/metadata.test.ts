import { test } from "node:test";
import assert from "node:assert/strict";
import { LabelError, RangeOfParameterError, ShapeError } from "@slicestack/stats";
import { metadataBaseline } from "../../../src/evaluate/baselines/metadata.js";
import { close, fixture } from "../fixture.js";

interface Case {
  classes: number;
  train: (number | null)[][];
  labels: number[];
  target: (number | null)[][];
  targetLabels: number[];
  probabilities: number[][];
  auroc: number;
  classAuroc: number[];
}

const names = (n: number) => Array.from({ length: n }, (_, i) => `s${i}`);

for (const c of fixture<{ metadata: Case[] }>("subgroups").metadata)
  test(`metadata baseline equals scikit-learn's imputer, scaler and regression: ${c.classes} classes (fixtures/evaluate/subgroups.py)`, () => {
    const found = metadataBaseline(
      ["size", "age", "constant"],
      {
        train: { values_NF: c.train, labels: c.labels },
        target: { values_NF: c.target, labels: c.targetLabels, subjects: names(c.targetLabels.length) },
      },
      { classes: c.classes, seed: 1, resamples: 200 },
    );
    assert.deepEqual(
      [found.columns.filter((name) => !/ is missing$/.test(name)), found.leftOut],
      [["size", "age"], ["constant"]],
    );
    const gaps = (part: "train" | "target") => found.filled.reduce((sum, one) => sum + one[part], 0);
    assert.deepEqual([gaps("train"), gaps("target")], [2, 3]);
    found.probabilities.forEach((row, i) =>
      row.forEach((p, k) => close(p, c.probabilities[i]![k]!, 1e-4, `row ${i}, class ${k}`)),
    );
    close(found.auroc.value, c.auroc, 1e-9, "AUROC");
    found.classAuroc.forEach((area, k) => close(area, c.classAuroc[k]!, 1e-9, `AUROC of class ${k}`));
    assert.ok(found.auroc.interval.low < c.auroc && c.auroc < found.auroc.interval.high);
  });

test("standardised by train alone; nothing that varies gives AUROC one half (by hand)", () => {
  const train = { values_NF: [[1], [2], [3], [4]], labels: [0, 0, 1, 1] };
  const target = { values_NF: [[100], [null]], labels: [1, 0], subjects: names(2) };
  const found = metadataBaseline(["size"], { train, target }, { classes: 2, seed: 1, resamples: 20 });
  assert.deepEqual(found.model.mean_F, [2.5]);
  close(found.probabilities[1]![1]!, 0.5, 1e-6, "a missing value is the mean of train");
  assert.equal(found.auroc.value, 1);
  const flat = { values_NF: [[7], [7], [7], [7]], labels: [0, 1, 1, 1] };
  const prior = metadataBaseline(["size"], { train: flat, target }, { classes: 2, seed: 1, resamples: 20 });
  assert.deepEqual([prior.columns, prior.leftOut, prior.auroc.value], [[], ["size"], 0.5]);
  close(prior.probabilities[0]![1]!, 0.75, 1e-6, "the share of train");
});

test("metadata that cannot be used is refused by row and column", () => {
  const good = { values_NF: [[1], [2]], labels: [0, 1], subjects: names(2) };
  const options = { classes: 2, seed: 1, resamples: 20 };
  const refused = (change: Partial<typeof good>, error: new (...rest: never[]) => Error) =>
    assert.throws(
      () => metadataBaseline(["size"], { train: { ...good, ...change }, target: good }, options),
      error,
    );
  refused({ values_NF: [[Number.NaN], [2]] }, RangeOfParameterError);
  refused(
    {
      values_NF: [
        [1, 2],
        [2, 3],
      ],
    },
    ShapeError,
  );
  refused({ values_NF: [] }, ShapeError);
  refused({ labels: [0, 5] }, LabelError);
  refused({ labels: [0] }, ShapeError);
  assert.throws(
    () => metadataBaseline(["size"], { train: good, target: { ...good, labels: [0, 9] } }, options),
    LabelError,
  );
});
