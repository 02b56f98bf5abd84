import { test } from "node:test";
import assert from "node:assert/strict";
import { brierDecomposition } from "../../src/calibration/decomposition.js";
import { brierScore } from "../../src/calibration/proper-scores.js";
import { reliabilityCurve } from "../../src/calibration/reliability-curve.js";
import {
  classwiseCalibrationError,
  expectedCalibrationError,
  reliabilityBins,
  sortByClass,
  sortConfidences,
  sortForecasts,
} from "../../src/calibration/reliability.js";
import { ProbabilityError, RangeOfParameterError, ShapeError } from "../../src/errors.js";
import { clusteredWilson } from "../../src/intervals/proportion.js";
import { close, fixture, simulate } from "../fixture.js";

interface Reference {
  decomposition: {
    name: string;
    labels: number[];
    probabilities: number[][];
    bins: number;
    brier: number;
    reliability: number;
    resolution: number;
    uncertainty: number;
    variance: number;
    covariance: number;
  }[];
  reliability: {
    labels: number[];
    probabilities: number[][];
    subjects: string[];
    bins: number;
    points: { count: number; confidence: number; accuracy: number; low: number; high: number }[];
  };
}

const reference = fixture<Reference>("calibration");

for (const c of reference.decomposition)
  test(`the parts of a Brier score equal double sums over the members of each bin: ${c.name} (fixtures/evaluate/calibration.py)`, () => {
    const found = brierDecomposition(c.labels, c.probabilities, c.bins);
    for (const part of ["brier", "reliability", "resolution", "uncertainty"] as const)
      close(found[part], c[part], 1e-12, part);
    close(found.withinBins, c.variance - c.covariance, 1e-12, "within bins");
  });

test("the parts add up to the Brier score exactly, with ties and with bins that do not divide the volumes", () => {
  const { labels, probabilities } = simulate({ model: "m", seed: 3, counts: [17, 11, 6], signal: 1 });
  const coarse = probabilities.map((row) => {
    const [a, b] = row.map((p) => Math.round(p * 5) / 5) as [number, number];
    return [a, Math.min(b, 1 - a), Math.max(0, 1 - a - b)];
  });
  for (const rows of [probabilities, coarse])
    for (const bins of [1, 3, 7]) {
      const { brier, reliability, resolution, uncertainty, withinBins } = brierDecomposition(
        labels,
        rows,
        bins,
      );
      close(brier, brierScore(labels, rows), 1e-15, "Brier");
      close(reliability - resolution + uncertainty + withinBins, brier, 1e-12, `sum with ${bins} bins`);
    }
});

test("predicting the base rates gives uncertainty and nothing else (by hand)", () => {
  const found = brierDecomposition([0, 0, 0, 1], new Array<number[]>(4).fill([0.75, 0.25]), 2);
  assert.deepEqual(
    [found.brier, found.reliability, found.resolution, found.uncertainty, found.withinBins],
    [0.375, 0, 0, 0.375, 0],
  );
  const perfect = brierDecomposition(
    [0, 0, 1, 1],
    [
      [1, 0],
      [1, 0],
      [0, 1],
      [0, 1],
    ],
    2,
  );
  assert.deepEqual([perfect.brier, perfect.reliability, perfect.resolution], [0, 0, perfect.uncertainty]);
});

test("reliability curve: bins by numpy, intervals by statsmodels (fixtures/evaluate/calibration.py)", () => {
  const { bins, points, ...scored } = reference.reliability;
  const curve = reliabilityCurve(scored, { bins });
  assert.equal(curve.length, points.length);
  points.forEach((point, b) => {
    const found = curve[b]!;
    for (const key of ["count", "confidence", "accuracy"] as const) close(found[key], point[key], 1e-12, key);
    close(found.interval.low, point.low, 1e-9, "low");
    close(found.interval.high, point.high, 1e-9, "high");
    assert.equal(found.subjects, point.count);
  });
});

test("reliability curve and reliability bins agree, ties shared alike, whatever the number of bins", () => {
  const { labels, subjects, probabilities } = simulate({ model: "m", seed: 8, counts: [13, 10], signal: 1 });
  const coarse = probabilities.map(([p]) => [Math.round(p! * 6) / 6, 1 - Math.round(p! * 6) / 6]);
  for (const rows of [probabilities, coarse])
    for (const bins of [1, 4, 7, 30]) {
      const expected = reliabilityBins(sortConfidences(labels, rows), bins);
      const curve = reliabilityCurve({ labels, probabilities: rows, subjects }, { bins });
      assert.equal(curve.length, expected.length);
      expected.forEach((bin, b) => {
        for (const key of ["count", "confidence", "accuracy"] as const)
          close(curve[b]![key], bin[key], 1e-9, key);
      });
    }
});

test("reliability of one class; subjects with several volumes widen the interval (by hand)", () => {
  const labels = [0, 0, 1, 1];
  const probabilities = [0.1, 0.1, 0.9, 0.9].map((p) => [1 - p, p]);
  const [low, high] = reliabilityCurve(
    { labels, probabilities, subjects: ["a", "a", "b", "c"] },
    { bins: 2, of: 1 },
  );
  assert.deepEqual([low!.confidence, low!.accuracy, low!.subjects, high!.subjects], [0.1, 0, 1, 2]);
  assert.deepEqual(low!.interval, clusteredWilson([0], [2]));
  assert.throws(() => reliabilityCurve({ labels, probabilities, subjects: ["a"] }, { bins: 2 }), ShapeError);
  assert.throws(
    () => reliabilityCurve({ labels, probabilities, subjects: ["a", "b", "c", "d"] }, { bins: 0 }),
    RangeOfParameterError,
  );
});

test("classwise error is the mean of the classes' own errors; 0 for a constant correct forecast (by hand)", () => {
  const labels = [0, 0, 1, 2];
  const classes = sortByClass(labels, new Array<number[]>(4).fill([0.5, 0.25, 0.25]));
  close(classwiseCalibrationError(classes, 1), 0, 1e-15, "base rates");
  const wrong = sortByClass(labels, new Array<number[]>(4).fill([0.2, 0.5, 0.3]));
  close(classwiseCalibrationError(wrong, 1), (0.3 + 0.25 + 0.05) / 3, 1e-15, "mean of |p - rate|");
  close(expectedCalibrationError(wrong[0]!, 1), 0.3, 1e-15, "class 0");
});

test("what cannot be scored is refused", () => {
  assert.throws(() => brierDecomposition([0], [[Number.NaN, 1]], 1), ProbabilityError);
  assert.throws(() => brierDecomposition([0, 1], [[1, 0]], 1), ShapeError);
  assert.throws(() => brierDecomposition([0], [[1, 0]], 1.5), RangeOfParameterError);
  assert.throws(() => sortForecasts([0.5], []), ShapeError);
  assert.throws(() => sortForecasts([Number.NaN], [true]), RangeOfParameterError);
});
