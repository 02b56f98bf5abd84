import { test } from "node:test";
import assert from "node:assert/strict";
import {
  argmax,
  delongTest,
  holm,
  mcNemar,
  METRICS,
  PredictionsError,
  scoreAll,
  ShapeError,
} from "@slicestack/stats";
import { compareAllPairs } from "../../../src/evaluate/compare/all-pairs.js";
import { compareModels } from "../../../src/evaluate/compare/models.js";
import { optimism } from "../../../src/evaluate/compare/optimism.js";
import { permuteModels } from "../../../src/evaluate/compare/permutation.js";
import type { Predictions } from "../../../src/evaluate/predictions.js";
import { close, fixture, simulate } from "../fixture.js";

interface Permuted {
  name: string;
  labels: number[];
  first: number[][];
  second: number[][];
  subjects: string[];
  accuracy: number;
  auroc: number;
  macroF1: number;
  accuracyByScipy?: number;
}

const binary = { classes: ["a", "b"], seed: 4, resamples: 300 };
const models = [1.5, 1, 0.3].map((signal, k) =>
  simulate({ model: `m${k}`, seed: k + 1, counts: [24, 20], signal }),
) as [Predictions, Predictions, Predictions];

for (const c of fixture<{ permutation: Permuted[] }>("compare").permutation) {
  test(`permutation test equals all swaps by scikit-learn and scipy: ${c.name} (fixtures/evaluate/compare.py)`, () => {
    const ids = c.labels.map((_, i) => `v${i}`);
    const of = (model: string, probabilities: number[][]): Predictions => ({
      model,
      part: "test",
      ids,
      subjects: c.subjects,
      labels: c.labels,
      probabilities,
    });
    const found = permuteModels(of("a", c.first), of("b", c.second), { classes: ["n", "p"], seed: 1 });
    assert.equal(found.exact, true);
    assert.equal(found.arrangements, 2 ** new Set(c.subjects).size);
    for (const name of ["accuracy", "auroc", "macroF1"] as const) close(found.p[name], c[name], 1e-12, name);
    if (c.accuracyByScipy !== undefined)
      close(found.p.accuracy, c.accuracyByScipy, 1e-12, "scipy.stats.permutation_test");
    assert.ok(Number.isNaN(found.p.quadraticKappa) && Number.isNaN(found.p.calibrationError));
  });
}

test("a model is interchangeable with itself: permutation p = 1 for every metric, drawn at random", () => {
  const { p, exact } = permuteModels(models[0], models[0], binary);
  assert.equal(exact, false);
  for (const name of ["accuracy", "auroc", "brierScore", "matthews"] as const) assert.equal(p[name], 1, name);
});

test("comparison of two: p-values stand beside the differences, NaN for metrics without an interval", () => {
  const found = compareModels(models[0], models[2], binary);
  assert.deepEqual(Object.keys(found.p), [...METRICS]);
  for (const name of METRICS) {
    const { interval } = found.metrics[name];
    if (interval.method === "none") assert.ok(Number.isNaN(found.p[name]) || found.p[name] === 1, name);
    else
      assert.equal(
        found.p[name] < 0.05,
        interval.low > 0 || interval.high < 0,
        `${name}: p agrees with the interval`,
      );
  }
  assert.ok(Number.isNaN(found.p.calibrationError) && Number.isNaN(found.p.quadraticKappa));
});

test("all pairs: accuracy by McNemar, AUROC by DeLong, the rest by bootstrap, Holm over the pairs of a metric", () => {
  const found = compareAllPairs(models, ["accuracy", "auroc", "macroF1"], binary);
  assert.deepEqual(
    found.pairs.map(({ first, second }) => [first, second]),
    [
      ["m0", "m1"],
      ["m0", "m2"],
      ["m1", "m2"],
    ],
  );
  assert.deepEqual(found.notes, []);
  const [a, , c] = models;
  const right = (model: Predictions) =>
    model.labels.map((label, i) => argmax(model.probabilities[i]!) === label);
  const scores = (model: Predictions) => model.probabilities.map((row) => row[1]!);
  const pair = found.pairs[1]!.metrics;
  assert.deepEqual(
    [pair.accuracy!.test, pair.auroc!.test, pair.macroF1!.test],
    ["exact McNemar", "DeLong", "paired bootstrap"],
  );
  assert.equal(pair.accuracy!.p, mcNemar(right(a), right(c), a.subjects).p);
  const delong = delongTest(
    { scores: scores(a), positive: a.labels.map((label) => label === 1), subjects: a.subjects },
    scores(c),
  );
  assert.equal(pair.auroc!.p, delong.p);
  const alone = compareModels(a, c, binary);
  for (const name of ["accuracy", "auroc", "macroF1"] as const)
    assert.deepEqual([pair[name]!.difference, pair[name]!.p], [alone.metrics[name], alone.p[name]], name);
  for (const name of ["accuracy", "auroc", "macroF1"] as const)
    assert.deepEqual(
      found.pairs.map(({ metrics }) => metrics[name]!.adjusted),
      holm(found.pairs.map(({ metrics }) => metrics[name]!.p)),
    );
});

test("one model ranks all pairs right and one all wrong: the difference has an interval and a test (by hand)", () => {
  const labels = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1];
  const ids = labels.map((_, i) => `v${i}`);
  const of = (model: string, right: boolean): Predictions => ({
    model,
    part: "test",
    ids,
    subjects: ids,
    labels,
    probabilities: labels.map((label, i) => {
      const p = (label === 1) === right ? 0.9 + i / 1000 : 0.1 + i / 1000;
      return [1 - p, p];
    }),
  });
  const { auroc } = compareAllPairs([of("right", true), of("wrong", false)], ["auroc"], binary).pairs[0]!
    .metrics;
  const { value, interval } = auroc!.difference;
  assert.deepEqual([value, interval.high, auroc!.test], [1, 1, "paired bootstrap"]);
  assert.ok(interval.low > 0.4 && interval.low < 0.8 && auroc!.p < 0.01, `${interval.low}, p ${auroc!.p}`);
});

test("several volumes a subject: DeLong and McNemar give way to the bootstrap over subjects, and a note says why", () => {
  const clustered = [1, 2].map((seed) =>
    simulate({ model: `m${seed}`, seed, counts: [10, 10], signal: 1, volumesEach: 3 }),
  );
  const found = compareAllPairs(clustered, ["accuracy", "auroc"], binary);
  for (const name of ["accuracy", "auroc"] as const)
    assert.equal(found.pairs[0]!.metrics[name]!.test, "paired bootstrap");
  assert.match(found.notes.join(), /several volumes.*DeLong/);
  assert.equal(found.subjects, 20);
  assert.equal(found.volumes, 60);
});

test("all pairs: no AUROC of two classes with three, no test of the calibration error, other models refused", () => {
  const three = [1, 2].map((seed) => simulate({ model: `m${seed}`, seed, counts: [8, 8, 8], signal: 1 }));
  const options = { classes: ["a", "b", "c"], seed: 1, resamples: 100 };
  const { metrics } = compareAllPairs(three, ["auroc", "calibrationError", "quadraticKappa"], options)
    .pairs[0]!;
  assert.equal(metrics.auroc!.test, "paired bootstrap");
  assert.ok(Number.isNaN(metrics.calibrationError!.p));
  assert.equal(metrics.quadraticKappa, undefined, "not ordinal");
  assert.throws(() => compareAllPairs(three.slice(0, 1), ["auroc"], options), ShapeError);
  const other = { ...three[1]!, ids: three[1]!.ids.map((id) => `${id}x`) };
  assert.throws(() => compareAllPairs([three[0]!, other], ["auroc"], options), PredictionsError);
});

test("optimism: val minus test, each with its own subjects, is the difference of the two scores", () => {
  const good = simulate({ model: "m", seed: 1, counts: [20, 20], signal: 3 });
  const val: Predictions = { ...good, part: "val", subjects: good.subjects.map((s) => `val-${s}`) };
  const test_ = simulate({ model: "m", seed: 2, counts: [30, 15], signal: 0.5 });
  const found = optimism(val, test_, binary);
  const [onVal, onTest] = [scoreAll(val, 2, 8), scoreAll(test_, 2, 8)];
  for (const name of ["accuracy", "auroc", "macroF1"] as const) {
    close(found.val[name], onVal[name], 1e-12, name);
    close(found.difference[name].value, onVal[name] - onTest[name], 1e-12, name);
    const { low, high } = found.difference[name].interval;
    assert.ok(low > 0 && high > found.difference[name].value, `${name} is optimistic beyond chance`);
  }
  assert.equal(found.difference.calibrationError.interval.method, "none");
  assert.ok(Number.isNaN(found.difference.meanAbsoluteError.value));
});

test("optimism of a model whose val and test are alike holds 0; shared subjects and wrong parts are refused", () => {
  const one = simulate({ model: "m", seed: 5, counts: [20, 20], signal: 1 });
  const val: Predictions = { ...one, part: "val" };
  const other = { ...one, subjects: one.subjects.map((s) => `t${s}`) };
  const { difference } = optimism(val, other, binary);
  assert.equal(difference.auroc.value, 0);
  assert.ok(difference.auroc.interval.low < 0 && difference.auroc.interval.high > 0);
  assert.throws(() => optimism(val, one, binary), /share 40 subjects \(s0-0, s0-1, s0-2, …\)/);
  assert.throws(() => optimism(other, other, binary), PredictionsError);
});
