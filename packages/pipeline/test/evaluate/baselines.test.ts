import { test } from "node:test";
import assert from "node:assert/strict";
import {
  argmax,
  fitLogistic,
  LabelError,
  predictLogistic,
  RangeOfParameterError,
  ShapeError,
} from "@slicestack/stats";
import { classPrior, majorityBaseline } from "../../src/evaluate/baselines/prior.js";
import { gapNotes } from "../../src/evaluate/baselines/gaps.js";
import { shortcutBaseline } from "../../src/evaluate/baselines/shortcut.js";
import { close, fixture } from "./fixture.js";

interface LogisticCase {
  name: string;
  classes: number;
  inversePenalty: number;
  train: number[][];
  labels: number[];
  test: number[][];
  probabilities: number[][];
  coefficients: number[][];
}

for (const c of fixture<{ cases: LogisticCase[] }>("logistic").cases) {
  test(`logistic regression equals scikit-learn's: ${c.name} (fixtures/evaluate/logistic.py)`, () => {
    const model = fitLogistic(c.train, c.labels, { classes: c.classes, inversePenalty: c.inversePenalty });
    predictLogistic(model, c.test).forEach((row, i) =>
      row.forEach((p, k) => close(p, c.probabilities[i]![k]!, 1e-4, `row ${i}, class ${k}`)),
    );
    const first = c.classes === 2 ? 1 : 0;
    c.coefficients.forEach((row, k) =>
      row.forEach((w, f) => close(model.weight_CF[k + first]![f]!, w, 1e-4, "weight")),
    );
  });
}

test("a class absent from training has probability 0; one class alone has 1; no features give the prior", () => {
  const three = predictLogistic(fitLogistic([[0], [1], [2], [3]], [0, 0, 2, 2], { classes: 3 }), [[1.5]])[0]!;
  assert.equal(three[1], 0);
  close(three[0]!, 0.5, 1e-6, "half way");
  assert.deepEqual(predictLogistic(fitLogistic([[1], [2]], [1, 1], { classes: 2 }), [[9]]), [[0, 1]]);
  const prior = predictLogistic(fitLogistic([[], [], [], []], [0, 1, 1, 1], { classes: 2 }), [[]])[0]!;
  close(prior[1]!, 0.75, 1e-6, "prior");
});

test("features that cannot be fitted are refused", () => {
  assert.throws(() => fitLogistic([[Number.NaN]], [0], { classes: 2 }), RangeOfParameterError);
  assert.throws(() => fitLogistic([[1]], [2], { classes: 2 }), LabelError);
  assert.throws(() => fitLogistic([[1], [2]], [0], { classes: 2 }), ShapeError);
  assert.throws(() => fitLogistic([[1], [2, 3]], [0, 1], { classes: 2 }), ShapeError);
  assert.throws(() => fitLogistic([], [], { classes: 2 }), ShapeError);
  assert.throws(
    () => fitLogistic([[1], [2]], [0, 1], { classes: 2, inversePenalty: 0 }),
    RangeOfParameterError,
  );
  const model = fitLogistic([[1], [2]], [0, 1], { classes: 2 });
  assert.throws(() => predictLogistic(model, [[1, 2]]), ShapeError);
});

test("majority baseline: the train prior for every volume (by hand)", () => {
  assert.deepEqual(classPrior([0, 1, 1, 1], 3), [0.25, 0.75, 0]);
  assert.deepEqual(majorityBaseline([0, 1, 1, 1], 3, 2), [
    [0.25, 0.75, 0],
    [0.25, 0.75, 0],
  ]);
  assert.throws(() => classPrior([], 2), ShapeError);
  assert.throws(() => classPrior([5], 2), LabelError);
});

test("shortcut features: gaps are filled by the mean of train, constants left out, fitted on train alone", () => {
  const volume = (z: number, hu: number | null) => ({
    original: {
      shape: [64, 64, z] as [number, number, number],
      spacing: [1, 1, 1] as [number, number, number],
    },
    meanLungHu: hu,
  });
  const train = [10, 11, 12, 40, 41, 42].map((z) => volume(z, z * -20));
  const target = [volume(9, null), volume(43, null)];
  const baseline = shortcutBaseline({ volumes: train, labels: [0, 0, 0, 1, 1, 1] }, target, 2);
  assert.deepEqual(baseline.features, ["mean lung HU", "slice count"]);
  assert.deepEqual(baseline.leftOut, ["in-plane spacing", "slice spacing"]);
  assert.deepEqual(baseline.filled, [{ name: "mean lung HU", train: 0, target: 2 }]);
  assert.deepEqual(baseline.probabilities.map(argmax), [0, 1]);
  close(baseline.model.mean_F[1]!, 26, 1e-12, "mean of the training rows only");
  assert.match(
    gapNotes("shortcut", baseline).join(),
    /no mean lung HU for 0 volumes of train and 2 volumes of the scored part/,
  );
  const constant = shortcutBaseline(
    { volumes: [volume(5, null), volume(5, null)], labels: [0, 1] },
    target,
    2,
  );
  assert.deepEqual(constant.features, []);
  close(constant.probabilities[0]![1]!, 0.5, 1e-6, "nothing to go by: the prior");
  // One scan without found lungs: the number that tells the classes apart still does.
  const even = [1, 2, 3, 4, 5, 6].map((k) => volume(30, k > 3 ? -600 - k : -800 - k));
  const one = [volume(30, null), ...even.slice(1)];
  const target2 = [volume(30, -790), volume(30, -610)];
  const found = shortcutBaseline({ volumes: one, labels: [0, 0, 0, 1, 1, 1] }, target2, 2);
  assert.deepEqual(found.features, ["mean lung HU", "mean lung HU is missing"]);
  assert.deepEqual(found.probabilities.map(argmax), [0, 1]);
  assert.match(
    gapNotes("shortcut", found).join(),
    /1 volume of train .*a further feature tells where it is missing/,
  );
});

test("that a value is missing is a number of its own: where lungs are found in one class alone, the baseline knows it", () => {
  const volume = (hu: number | null) => ({
    original: {
      shape: [64, 64, 30] as [number, number, number],
      spacing: [1, 1, 1] as [number, number, number],
    },
    meanLungHu: hu,
  });
  const train = [-700, -700, -700, null, null, null].map(volume);
  const found = shortcutBaseline(
    { volumes: train, labels: [0, 0, 0, 1, 1, 1] },
    [volume(-700), volume(null)],
    2,
  );
  assert.deepEqual(found.features, ["mean lung HU is missing"]);
  assert.deepEqual(found.probabilities.map(argmax), [0, 1]);
});
