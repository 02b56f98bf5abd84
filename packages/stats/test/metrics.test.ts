import { test } from "node:test";
import assert from "node:assert/strict";
import { brierScore, negativeLogLikelihood } from "../src/calibration/proper-scores.js";
import {
  expectedCalibrationError,
  reliabilityBins,
  sortConfidences,
} from "../src/calibration/reliability.js";
import { LabelError, ProbabilityError, RangeOfParameterError, ShapeError } from "../src/errors.js";
import { checkScores } from "../src/metrics/check.js";
import * as metrics from "../src/metrics/confusion.js";
import { auroc, averagePrecision, precisionRecallCurve, rank, rocCurve } from "../src/metrics/ranking.js";
import { classMetricIndex, metricIndex, METRICS, Scorer, type MetricName } from "../src/metrics/scorer.js";
import { close, fixture } from "./fixture.js";

type Case = { [M in MetricName]?: number | null } & {
  name: string;
  classes: number;
  labels: number[];
  probabilities: number[][];
  bins: number;
  confusion: number[][];
  precision: number[];
  recall: number[];
  f1: number[];
  predicted: number[];
  support: number[];
  classAuroc: (number | null)[];
  roc?: [number[], number[]];
  precisionRecall?: [number[], number[]];
};

const { cases } = fixture<{ cases: Case[] }>("metrics");

function scorerOf({ labels, probabilities, classes, bins }: Case): Scorer {
  return new Scorer({ labels, probabilities }, classes, bins);
}

function scoresOf(c: Case, weights = new Float64Array(c.labels.length).fill(1)): Float64Array {
  const scorer = scorerOf(c);
  const out = new Float64Array(scorer.count);
  scorer.score(weights, out);
  return out;
}

for (const c of cases) {
  test(`every metric equals scikit-learn's: ${c.name} (fixtures/evaluate/metrics.py)`, () => {
    const out = scoresOf(c);
    for (const name of METRICS) {
      const expected = c[name];
      if (expected === undefined) assert.ok(Number.isNaN(out[metricIndex(name)]), `${name} does not apply`);
      else if (expected !== null) close(out[metricIndex(name)]!, expected, 1e-12, name);
    }
    for (let k = 0; k < c.classes; k++) {
      close(
        out[classMetricIndex(k, "precision")]!,
        c.predicted[k] === 0 ? null : c.precision[k]!,
        1e-12,
        "precision",
      );
      close(out[classMetricIndex(k, "recall")]!, c.support[k] === 0 ? null : c.recall[k]!, 1e-12, "recall");
      close(
        out[classMetricIndex(k, "f1")]!,
        c.support[k]! + c.predicted[k]! === 0 ? null : c.f1[k]!,
        1e-12,
        "F1",
      );
      close(out[classMetricIndex(k, "auroc")]!, c.classAuroc[k]!, 1e-12, "AUROC");
    }
  });

  test(`the plain functions equal scikit-learn's: ${c.name}`, () => {
    const confusion = metrics.confusionMatrix(c.labels, c.probabilities.map(metrics.argmax), c.classes);
    assert.deepEqual(metrics.confusionRows(confusion), c.confusion);
    close(metrics.accuracy(confusion), c.accuracy!, 1e-12, "accuracy");
    close(metrics.quadraticKappa(confusion), c.quadraticKappa!, 1e-12, "QWK");
    close(negativeLogLikelihood(c.labels, c.probabilities), c.negativeLogLikelihood!, 1e-12, "NLL");
    close(brierScore(c.labels, c.probabilities), c.brierScore!, 1e-12, "Brier");
    if (c.roc === undefined) return;
    const rates = metrics.binaryRates(confusion);
    for (const name of ["sensitivity", "specificity", "ppv", "npv"] as const)
      close(rates[name], c[name]!, 1e-12, name);
    const positive = c.labels.map((label) => label === 1);
    const curve = rocCurve(
      rank(
        c.probabilities.map((row) => row[1]!),
        positive,
      ),
    );
    c.roc[0].forEach((x, i) => close(curve.falsePositiveRate[i]!, x, 1e-12, "false positive rate"));
    c.roc[1].forEach((y, i) => close(curve.truePositiveRate[i]!, y, 1e-12, "true positive rate"));
    assert.equal(curve.threshold.length, c.roc[0].length);
    const [recalls, precisions] = c.precisionRecall!;
    const steps = precisionRecallCurve(
      rank(
        c.probabilities.map((row) => row[1]!),
        positive,
      ),
    );
    assert.equal(steps.recall.length, recalls.length);
    recalls.forEach((x, i) => close(steps.recall[i]!, x, 1e-12, "recall"));
    precisions.forEach((y, i) => close(steps.precision[i]!, y, 1e-12, "precision"));
    close(steps.baseRate, c.labels.reduce((a, b) => a + b, 0) / c.labels.length, 1e-15, "base rate");
  });

  test(`whole weights equal repeated rows, for every metric: ${c.name}`, () => {
    const weights = Float64Array.from(c.labels, (_, i) => (i * 7) % 4);
    const rows = c.labels.flatMap((_, i) => new Array<number>(weights[i]!).fill(i));
    const repeated: Case = {
      ...c,
      labels: rows.map((i) => c.labels[i]!),
      probabilities: rows.map((i) => c.probabilities[i]!),
    };
    const weighted = scoresOf(c, weights);
    scoresOf(repeated).forEach((value, k) => close(weighted[k]!, value, 1e-12, `value ${k}`));
  });
}

test("the order of rows changes no metric, even with ties", () => {
  for (const c of cases) {
    const back = { ...c, labels: [...c.labels].reverse(), probabilities: [...c.probabilities].reverse() };
    const expected = scoresOf(c);
    scoresOf(back).forEach((value, k) => close(value, expected[k]!, 1e-12, `value ${k}`));
  }
});

test("an absent class has no recall and is left out of the mean (by hand)", () => {
  const confusion = metrics.confusionMatrix([0, 0, 1, 1], [0, 2, 1, 1], 3);
  assert.ok(Number.isNaN(metrics.recall(confusion, 2)));
  assert.equal(metrics.balancedAccuracy(confusion), 0.75);
  close(
    metrics.macroF1(confusion),
    (2 / 3 + 1 + 0) / 3,
    1e-15,
    "macro F1 counts the class that was predicted",
  );
  assert.deepEqual(
    metrics.normaliseRows([
      [1, 3],
      [0, 0],
    ]),
    [
      [0.25, 0.75],
      [Number.NaN, Number.NaN],
    ],
  );
});

test("a class in neither labels nor predictions is left out of macro F1 (by hand)", () => {
  const confusion = metrics.confusionMatrix([0, 1, 1], [0, 1, 0], 4);
  assert.ok(Number.isNaN(metrics.f1(confusion, 3)));
  close(metrics.macroF1(confusion), (2 / 3 + 2 / 3) / 2, 1e-15, "macro F1");
});

test("a perfect predictor: all ones, no error (by hand)", () => {
  const c = {
    labels: [0, 1, 2, 2],
    probabilities: [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
      [0, 0, 1],
    ],
  };
  const out = scoresOf({ ...cases[0]!, ...c, classes: 3, bins: 2 });
  for (const name of [
    "accuracy",
    "balancedAccuracy",
    "macroF1",
    "matthews",
    "cohenKappa",
    "quadraticKappa",
    "auroc",
  ] as const)
    assert.equal(out[metricIndex(name)], 1, name);
  for (const name of [
    "meanAbsoluteError",
    "brierScore",
    "calibrationError",
    "negativeLogLikelihood",
  ] as const)
    close(out[metricIndex(name)]!, 0, 1e-15, name);
});

test("a constant predictor: balanced accuracy 1/C, kappa and MCC 0, AUROC one half (by hand)", () => {
  const c = { labels: [0, 0, 0, 1], probabilities: new Array<number[]>(4).fill([0.75, 0.25]) };
  const out = scoresOf({ ...cases[0]!, ...c, classes: 2, bins: 1 });
  const expected = {
    accuracy: 0.75,
    balancedAccuracy: 0.5,
    matthews: 0,
    cohenKappa: 0,
    auroc: 0.5,
    auprc: 0.25,
    calibrationError: 0,
  };
  for (const [name, value] of Object.entries(expected))
    close(out[metricIndex(name as MetricName)]!, value, 1e-15, name);
  assert.ok(Number.isNaN(out[metricIndex("ppv")]), "never predicted positive: no PPV");
});

test("labels and predictions all of one class: kappa is undefined, MCC 0 by convention (by hand)", () => {
  const confusion = metrics.confusionMatrix([1, 1], [1, 1], 3);
  assert.ok(Number.isNaN(metrics.cohenKappa(confusion)));
  assert.ok(Number.isNaN(metrics.quadraticKappa(confusion)));
  assert.equal(metrics.matthews(confusion), 0);
});

test("quadratic kappa, error in grades and off-by-one accuracy (by hand)", () => {
  const confusion = metrics.confusionMatrix([0, 1, 2, 2], [0, 2, 0, 2], 3);
  // observed Σw: 1/4 + 1; expected: rows (1, 1, 2) times columns (2, 0, 2) over 4, weighted
  const expected = (1 * 2 * 1 + 1 * 2 * 0.25 + 1 * 2 * 0.25 + 2 * 2 * 1) / 4;
  close(metrics.quadraticKappa(confusion), 1 - 1.25 / expected, 1e-15, "QWK");
  assert.equal(metrics.meanAbsoluteError(confusion), 0.75);
  assert.equal(metrics.offByOneAccuracy(confusion), 0.75);
});

test("AUROC and AUPRC are undefined without positives, AUROC without negatives (by hand)", () => {
  const none = rank([0.2, 0.9], [false, false]);
  assert.ok(Number.isNaN(auroc(none)) && Number.isNaN(averagePrecision(none)));
  assert.ok(Number.isNaN(auroc(rank([0.2, 0.9], [true, true]))));
  assert.deepEqual(rocCurve(none).falsePositiveRate, []);
  assert.equal(auroc(rank([1, 1, 0], [true, false, false])), 0.75, "a tie counts half");
});

test("one volume: accuracy and ECE are defined, AUROC is not (by hand)", () => {
  const out = scoresOf({ ...cases[0]!, labels: [1], probabilities: [[0.25, 0.75]], classes: 2, bins: 1 });
  assert.equal(out[metricIndex("accuracy")], 1);
  assert.equal(out[metricIndex("calibrationError")], 0.25);
  assert.ok(Number.isNaN(out[metricIndex("auroc")]));
});

test("ECE shares a tie between the bins it straddles (by hand)", () => {
  // confidences .6 .8 .8 .9, right 1 0 1 1: bins {.6, one .8 at 1/2} and {one .8 at 1/2, .9}
  const sorted = sortConfidences(
    [0, 1, 0, 0],
    [
      [0.6, 0.4],
      [0.8, 0.2],
      [0.8, 0.2],
      [0.9, 0.1],
    ],
  );
  close(
    expectedCalibrationError(sorted, 2),
    (Math.abs(0.75 - 0.7) + Math.abs(0.75 - 0.85)) / 2,
    1e-15,
    "ECE",
  );
  assert.equal(reliabilityBins(sorted, 2).length, 2);
  assert.throws(() => reliabilityBins(sorted, 0), RangeOfParameterError);
});

test("what cannot be scored is refused with a typed error", () => {
  assert.throws(() => checkScores([0, 1], [[0.5, 0.5]], 2), ShapeError);
  assert.throws(() => checkScores([], [], 2), ShapeError);
  assert.throws(() => checkScores([0], [[0.5, 0.25, 0.25]], 2), ShapeError);
  assert.throws(
    () => checkScores([0], [[Number.NaN, 1]], 2),
    (error) => error instanceof ProbabilityError && error.row === 0,
  );
  assert.throws(
    () =>
      checkScores(
        [0, 0],
        [
          [0.5, 0.5],
          [0.5, 0.498],
        ],
        2,
      ),
    (error) => error instanceof ProbabilityError && error.row === 1,
  );
  assert.throws(() => checkScores([0], [[1.5, -0.5]], 2), ProbabilityError);
  assert.throws(() => checkScores([0], [[Infinity, 0]], 2), ProbabilityError);
  for (const label of [2, -1, 0.5, Number.NaN])
    assert.throws(() => checkScores([label], [[0.5, 0.5]], 2), LabelError);
  assert.throws(() => metrics.confusionMatrix([0, 1], [0], 2), ShapeError);
  assert.throws(() => metrics.binaryRates(metrics.confusionMatrix([0], [0], 3)), ShapeError);
  assert.throws(() => rank([Number.NaN], [true]), RangeOfParameterError);
  assert.doesNotThrow(() => checkScores([0], [[0.4995, 0.4998]], 2), "bfloat16 softmax is close enough");
});

test("Hand and Till's M: pairs of classes by hand, ties count half, and weights count rows", () => {
  // A(0|1): p_0 of 0.6, 0.5 against 0.5, 0.1 = 3.5 of 4. A(1|0): p_1 of 0.3, 0.8 against 0.2, 0.3 = 3.5 of 4.
  const labels = [0, 0, 1, 1];
  const probabilities = [
    [0.6, 0.2, 0.2],
    [0.5, 0.3, 0.2],
    [0.5, 0.3, 0.2],
    [0.1, 0.8, 0.1],
  ];
  const scorer = new Scorer({ labels, probabilities }, 3, 2);
  const out = new Float64Array(scorer.count);
  const of = (...weights: number[]) => {
    scorer.score(Float64Array.from(weights), out);
    return out[metricIndex("pairwiseAuroc")]!;
  };
  close(of(1, 1, 1, 1), 0.875, 1e-12, "M");
  // Twice the second row: A(0|1) = (2 + 2 * 1.5) / 6, A(1|0) = (1 + 2 * 0.5 + 1 + 2) / 6.
  close(of(1, 2, 1, 1), 5 / 6, 1e-12, "weighted");
  assert.ok(Number.isNaN(of(1, 1, 0, 0)), "one class alone");
});
