import { test } from "node:test";
import assert from "node:assert/strict";
import { classPrior, majorityBaseline } from "../../src/evaluate/baselines/prior.js";
import { shortcutBaseline, shortcutFeatures } from "../../src/evaluate/baselines/shortcut.js";
import { LabelError, RangeOfParameterError, ShapeError } from "../../src/evaluate/errors.js";
import { fitLogistic, predictLogistic } from "../../src/evaluate/baselines/logistic.js";
import { argmax } from "../../src/evaluate/metrics/confusion.js";
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
  assert.throws(() => fitLogistic([[1], [2]], [0, 1], { classes: 2, inversePenalty: 0 }), RangeOfParameterError);
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

test("shortcut features: HU only where all have it, constants dropped, fitted on train alone", () => {
  const volume = (z: number, hu: number | null) => ({
    original: { shape: [64, 64, z] as [number, number, number], spacing: [1, 1, 1] as [number, number, number] },
    meanLungHu: hu,
  });
  const train = [10, 11, 12, 40, 41, 42].map((z) => volume(z, z * -20));
  assert.deepEqual(shortcutFeatures(train, [volume(9, -700)]).train.names, ["mean lung HU", "slice count"]);
  const target = [volume(9, null), volume(43, null)];
  const baseline = shortcutBaseline({ volumes: train, labels: [0, 0, 0, 1, 1, 1] }, target, 2);
  assert.deepEqual(baseline.features, ["slice count"]);
  assert.deepEqual(baseline.probabilities.map(argmax), [0, 1]);
  close(baseline.model.mean_F[0]!, 26, 1e-12, "mean of the training rows only");
  const constant = shortcutBaseline({ volumes: [volume(5, null), volume(5, null)], labels: [0, 1] }, target, 2);
  assert.deepEqual(constant.features, []);
  close(constant.probabilities[0]![1]!, 0.5, 1e-6, "nothing to go by: the prior");
});
