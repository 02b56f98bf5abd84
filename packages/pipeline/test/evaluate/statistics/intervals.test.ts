import { test } from "node:test";
import assert from "node:assert/strict";
import { RangeOfParameterError, ShapeError } from "../../../src/evaluate/errors.js";
import { classMetricIndex, metricIndex, Scorer } from "../../../src/evaluate/metrics/scorer.js";
import { bcaInterval, bcaPValue } from "../../../src/evaluate/statistics/bca.js";
import {
  besides,
  groupSubjects,
  resampledInterval,
  resampleSubjects,
  seededRandom,
} from "../../../src/evaluate/statistics/bootstrap.js";
import { clopperPearson, clusteredWilson, wilson } from "../../../src/evaluate/statistics/proportion.js";
import { close, fixture } from "../fixture.js";

interface Bounds {
  low: number;
  high: number;
}
interface OverSubjects extends Bounds {
  name: string;
  classes: number;
  labels: number[];
  probabilities: number[][];
  subjects: string[];
  strata: number[];
  draws: number[][];
  estimate: number;
  replicates: number[];
  jackknife: number[][];
}
interface Reference {
  clopperPearson: (Bounds & { successes: number; trials: number; level: number })[];
  clusteredWilson: (Bounds & { hits: number[]; trials: number[]; level: number })[];
  overSubjects: OverSubjects[];
  pValues: { estimate: number; replicates: number[]; jackknife: number[]; p: number }[];
}

const reference = fixture<Reference>("intervals");

test("Clopper-Pearson equals statsmodels' (fixtures/evaluate/intervals.py)", () => {
  for (const { successes, trials, level, low, high } of reference.clopperPearson) {
    const interval = clopperPearson(successes, trials, level);
    close(interval.low, low, 1e-9, `low of ${successes}/${trials}`);
    close(interval.high, high, 1e-9, `high of ${successes}/${trials}`);
  }
  assert.equal(clopperPearson(0, 0).method, "none");
  assert.throws(() => clopperPearson(2, 1), RangeOfParameterError);
});

test("Wilson over subjects: the design effect is that of statsmodels' cluster-robust covariance (fixtures/evaluate/intervals.py)", () => {
  for (const { hits, trials, level, low, high } of reference.clusteredWilson) {
    const interval = clusteredWilson(hits, trials, level);
    close(interval.low, low, 1e-9, `low of ${hits.join()}`);
    close(interval.high, high, 1e-9, `high of ${hits.join()}`);
  }
});

test("Wilson over subjects: five copies of each volume change nothing, subjects who agree are not trials (by hand)", () => {
  const once = clusteredWilson([1, 0, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]);
  const copied = clusteredWilson([5, 0, 5, 5, 5, 0], [5, 5, 5, 5, 5, 5]);
  close(copied.low, once.low, 1e-12, "low");
  close(copied.high, once.high, 1e-12, "high");
  const { low, high } = wilson(3, 3);
  assert.deepEqual(clusteredWilson([9, 9, 9], [9, 9, 9]), { low, high, level: 0.95, method: "wilson, clustered" });
  assert.equal(clusteredWilson([], []).method, "none");
  assert.equal(clusteredWilson([0], [0]).method, "none");
  const one = clusteredWilson([2], [4]);
  close(one.high - one.low, wilson(0.5, 1).high - wilson(0.5, 1).low, 1e-12, "one subject is one trial");
  assert.throws(() => clusteredWilson([1], [1, 1]), ShapeError);
  assert.throws(() => clusteredWilson([2], [1]), RangeOfParameterError);
});

for (const c of reference.overSubjects) {
  test(`stratified BCa over subjects equals a slow one that copies rows, draw for draw: ${c.name} (fixtures/evaluate/intervals.py)`, () => {
    // The same draws: `random` gives back the recorded positions, in the order of the strata.
    const sizes = c.strata.flatMap((size) => new Array<number>(size).fill(size));
    const numbers = c.draws.flatMap((positions) => positions.map((position, i) => (position + 0.5) / sizes[i]!));
    let next = 0;
    const scorer = new Scorer(c, c.classes, 5);
    const resampled = resampleSubjects(
      (weights, out) => scorer.score(weights, out),
      scorer.count,
      groupSubjects(c.subjects, c.labels),
      { resamples: c.draws.length, random: () => numbers[next++]! },
    );
    assert.equal(next, numbers.length);
    const k = c.classes === 2 ? metricIndex("auroc") : metricIndex("macroF1");
    close(resampled.estimate[k]!, c.estimate, 1e-12, "estimate");
    c.replicates.forEach((value, r) => close(resampled.replicates[k]![r]!, value, 1e-12, `replicate ${r}`));
    c.jackknife.forEach((values, s) =>
      values.forEach((value, i) => close(resampled.jackknife[k]![s]![i]!, value, 1e-12, `jackknife ${s}, ${i}`)),
    );
    const interval = resampledInterval(resampled, k, 0.95);
    assert.equal(interval.method, "bca");
    close(interval.low, c.low, 1e-9, "low");
    close(interval.high, c.high, 1e-9, "high");
  });
}

test("bootstrap p-value: the level at which scipy's BCa interval reaches 0 (fixtures/evaluate/intervals.py)", () => {
  for (const { estimate, replicates, jackknife, p } of reference.pValues)
    close(bcaPValue({ estimate, replicates, jackknife: [jackknife] }), Math.max(p, 2 / 400), 1e-9, `p of ${estimate}`);
});

test("bootstrap p-value and interval say the same: the bounds have p = 1 - level", () => {
  for (const { estimate, replicates, jackknife } of reference.pValues) {
    const statistic = { estimate, replicates, jackknife: [jackknife] };
    for (const level of [0.8, 0.9]) {
      const { low, high } = bcaInterval(statistic, level);
      for (const bound of [low, high]) close(bcaPValue(statistic, bound), 1 - level, 2 / 399, `level ${level}`);
      assert.ok(bcaPValue(statistic, estimate) > 0.8);
    }
  }
});

test("bootstrap p-value at its edges: none below 2/(B+1), 1 without any difference, NaN without an interval (by hand)", () => {
  const far = { estimate: 5, replicates: [4.9, 5, 5.1, 5.05, 4.95, 5.2, 4.8, 5.02, 4.98], jackknife: [[5, 5.1, 4.9]] };
  assert.equal(bcaPValue(far), 0.2);
  assert.equal(bcaPValue({ estimate: 0, replicates: [0, 0, 0], jackknife: [[0, 0]] }), 1);
  assert.ok(Number.isNaN(bcaPValue({ estimate: 1, replicates: [1, 1, 1], jackknife: [[1, 1]] })));
  assert.ok(Number.isNaN(bcaPValue({ estimate: Number.NaN, replicates: [1, 2, 3], jackknife: [[1, 2]] })));
  // All replicates above the estimate: the bias correction is infinite, percentiles take over.
  const above = { estimate: 0, replicates: [1, 2, 3, 4], jackknife: [[1, 2, 4]] };
  assert.equal(bcaInterval(above).method, "percentile");
  assert.equal(bcaPValue(above, 2.5), 1);
});

test("a large stratum is left out in blocks: the work grows with n, the acceleration stays near that of the skewness", () => {
  const random = seededRandom(4);
  const n = 6000;
  const values = Float64Array.from({ length: n }, () => -Math.log(1 - random()));
  const subjects = Array.from(values, (_, i) => `s${i}`);
  let calls = 0;
  const mean = (weights: Float64Array, out: Float64Array) => {
    calls++;
    let [sum, total] = [0, 0];
    for (let i = 0; i < n; i++) {
      sum += weights[i]! * values[i]!;
      total += weights[i]!;
    }
    out[0] = sum / total;
  };
  const { jackknife } = resampleSubjects(mean, 1, groupSubjects(subjects, new Array<number>(n).fill(0)), {
    resamples: 2,
    random,
  });
  assert.equal(calls, 1 + 1000 + 2);
  const [left] = jackknife[0]!;
  const centre = left!.reduce((a, b) => a + b, 0) / 1000;
  const [cubes, squares] = [3, 2].map((power) => left!.reduce((sum, value) => sum + (centre - value) ** power, 0)) as [
    number,
    number,
  ];
  // An exponential has skewness 2, so that a = 2 / (6 √n).
  close(cubes / (6 * squares ** 1.5), 2 / (6 * Math.sqrt(n)), 0.3 * (2 / (6 * Math.sqrt(n))), "acceleration");
});

test("two samples side by side: rows of the second follow, strata stay apart (by hand)", () => {
  const both = besides(groupSubjects(["a", "b"], [0, 1]), groupSubjects(["c", "c"], [0, 0]));
  assert.equal(both.volumes, 4);
  assert.deepEqual(
    both.strata.map((stratum) => stratum.map((rows) => [...rows])),
    [[[0]], [[1]], [[2, 3]]],
  );
});

test("per-class metrics are resampled too: an absent class stays NaN, without an interval (by hand)", () => {
  const labels = [0, 0, 1, 1];
  const probabilities = labels.map((label) => [0.6 - 0.4 * label, 0.3 + 0.4 * label, 0.1]);
  const scorer = new Scorer({ labels, probabilities }, 3, 1);
  const resampled = resampleSubjects(
    (weights, out) => scorer.score(weights, out),
    scorer.count,
    groupSubjects(["a", "b", "c", "d"], labels),
    { resamples: 20, random: seededRandom(1) },
  );
  const recall = classMetricIndex(2, "recall");
  assert.ok(Number.isNaN(resampled.estimate[recall]!));
  assert.equal(resampledInterval(resampled, recall, 0.95).method, "none");
});
