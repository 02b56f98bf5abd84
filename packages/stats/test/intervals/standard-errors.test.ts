import { test } from "node:test";
import assert from "node:assert/strict";
import {
  groupSubjects,
  oneVolumeEach,
  resampleSubjects,
  sampledOf,
  seededRandom,
} from "../../src/intervals/bootstrap.js";
import { RangeOfParameterError, ShapeError } from "../../src/errors.js";
import { wilson } from "../../src/intervals/proportion.js";
import { quantile } from "../../src/intervals/quantile.js";
import { intervalOf } from "../../src/intervals/sampled.js";
import { close, fixture } from "../fixture.js";

interface Bounds {
  low: number;
  high: number;
}
type WilsonCase = Bounds & { successes: number; trials: number; level: number };
interface Bootstrap {
  sample: number[];
  /** standard errors */
  mean: number;
  meanSquare: number;
}

const reference = fixture<Bootstrap>("bootstrap");

test("Wilson's interval equals scipy's binomtest (fixtures/evaluate/metrics.py)", () => {
  for (const { successes, trials, level, low, high } of fixture<{ wilson: WilsonCase[] }>("metrics").wilson) {
    const interval = wilson(successes, trials, level);
    close(interval.low, low, 1e-9, `low of ${successes}/${trials}`);
    close(interval.high, high, 1e-9, `high of ${successes}/${trials}`);
  }
  assert.equal(wilson(0, 0).method, "none");
  assert.throws(() => wilson(3, 2), RangeOfParameterError);
  assert.throws(() => wilson(Number.NaN, 2), RangeOfParameterError);
  assert.throws(() => wilson(1, 2, 1), RangeOfParameterError);
});

test("standard errors equal scipy.stats.bootstrap's within Monte-Carlo error (fixtures/evaluate/bootstrap.py)", () => {
  const { sample } = reference;
  const statistics = (weights: Float64Array, out: Float64Array) => {
    const total = weights.reduce((a, b) => a + b, 0);
    out[0] = sample.reduce((sum, x, i) => sum + weights[i]! * x, 0) / total;
    out[1] = sample.reduce((sum, x, i) => sum + weights[i]! * x * x, 0) / total;
  };
  const groups = groupSubjects(sample.map((_, i) => String(i)));
  const resampled = resampleSubjects(statistics, 2, groups, { resamples: 10000, random: seededRandom(5) });
  [reference.mean, reference.meanSquare].forEach((expected, k) => {
    const { standardError, degreesOfFreedom } = sampledOf(resampled, k, "unbounded");
    close(standardError / expected, 1, 0.03, "standard error");
    assert.equal(degreesOfFreedom, 39);
  });
});

test("a resample keeps subjects whole and draws as many as there are, whatever their label; rows in any order", () => {
  const subjects = ["e", "a", "a", "c", "c", "c", "b", "d"];
  const groups = groupSubjects(subjects);
  assert.deepEqual(
    groups.subjects.map((rows) => [...rows]),
    [[1, 2], [6], [3, 4, 5], [7], [0]],
  );
  assert.equal(oneVolumeEach(groups), false);
  const drawn = new Set<number>();
  const check = (weights: Float64Array, out: Float64Array) => {
    assert.equal(weights[1], weights[2]);
    assert.ok(weights[3] === weights[4] && weights[4] === weights[5]);
    assert.equal(weights[0]! + weights[1]! + weights[3]! + weights[6]! + weights[7]!, 5);
    drawn.add(weights[3]!);
    out[0] = weights[0]!;
  };
  const { replicates } = resampleSubjects(check, 1, groups, { resamples: 3000, random: seededRandom(1) });
  close(replicates[0]!.reduce((a, b) => a + b, 0) / 3000, 1, 0.05, "each subject is drawn once on average");
  assert.ok(drawn.has(0) && drawn.has(3), "the number of subjects of a class is not held fixed");
});

test("the same seed gives the same resamples, another seed gives others", () => {
  const groups = groupSubjects(["a", "b", "c", "d"]);
  const run = (seed: number) =>
    resampleSubjects((weights, out) => (out[0] = weights[0]! + 10 * weights[1]!), 1, groups, {
      resamples: 50,
      random: seededRandom(seed),
    }).replicates[0]!;
  assert.deepEqual(run(1), run(1));
  assert.notDeepEqual(run(1), run(2));
});

test("no interval where every resample is equal or too many are NaN; a perfect share counts as one trial per subject (by hand)", () => {
  const of = (estimate: number, replicates: number[]) => ({
    estimate: Float64Array.of(estimate),
    replicates: [Float64Array.from(replicates)],
    subjects: 8,
    independent: true,
  });
  const method = (estimate: number, replicates: number[], atBound?: number) =>
    intervalOf(sampledOf(of(estimate, replicates), 0, [0, 1], atBound), 0.95).method;
  assert.equal(method(0.5, [0.5, 0.5, 0.5], 8), "none", "a constant predictor");
  const rare = new Array<number>(40).fill(0.2).with(7, 0.25);
  assert.equal(method(0.2, rare, 8), "none", "a constant predictor, and one draw without a class");
  assert.equal(method(1, [1, 1, 1]), "none");
  assert.equal(method(0.4, [0.3, Number.NaN, 0.5, 0.4]), "none");
  assert.equal(method(Number.NaN, [0.3, 0.5]), "none");
  const perfect = intervalOf(sampledOf(of(1, [1, 1, 1]), 0, [0, 1], 8), 0.95);
  close(
    perfect.low,
    8 / (8 + 2.3646242515927844 ** 2),
    1e-9,
    "Wilson's with t's quantile, 7 degrees of freedom",
  );
  assert.equal(perfect.high, 1);
  // The number of trials of a share with this standard error: 0.3 · 0.7 / 0.1².
  close(sampledOf(of(0.3, [0.2, 0.3, 0.4]), 0, [0, 1]).trials, 21, 1e-9, "trials");
});

test("one subject has a value but no interval (by hand)", () => {
  const groups = groupSubjects(["a", "a"]);
  const resampled = resampleSubjects((weights, out) => (out[0] = weights[0]! / 2), 1, groups, {
    resamples: 10,
    random: seededRandom(1),
  });
  assert.equal(resampled.estimate[0], 0.5);
  assert.equal(intervalOf(sampledOf(resampled, 0, "unbounded"), 0.95).method, "none");
});

test("quantiles interpolate as numpy's (by hand); wrong arguments are refused", () => {
  assert.equal(quantile(Float64Array.of(0, 10, 20), 0.25), 5);
  assert.equal(quantile(Float64Array.of(7), 0.9), 7);
  assert.throws(() => groupSubjects([]), ShapeError);
  const groups = groupSubjects(["a", "b"]);
  assert.throws(
    () => resampleSubjects(() => undefined, 1, groups, { resamples: 1, random: Math.random }),
    RangeOfParameterError,
  );
});
