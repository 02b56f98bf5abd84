import { test } from "node:test";
import assert from "node:assert/strict";
import {
  groupSubjects,
  oneVolumeEach,
  resampledInterval,
  resampleSubjects,
  seededRandom,
} from "../../src/evaluate/statistics/bootstrap.js";
import { RangeOfParameterError, ShapeError } from "../../src/evaluate/errors.js";
import { bcaInterval, quantile } from "../../src/evaluate/statistics/bca.js";
import { wilson } from "../../src/evaluate/statistics/proportion.js";
import { close, fixture } from "./fixture.js";

interface Bounds {
  low: number;
  high: number;
}
type WilsonCase = Bounds & { successes: number; trials: number; level: number };
interface Bootstrap {
  sample: number[];
  mean: Bounds & { standardError: number };
  meanSquare: Bounds & { standardError: number };
  exact: Bounds & { estimate: number; replicates: number[]; jackknife: number[] };
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

test("BCa on given replicates equals scipy's to rounding (fixtures/evaluate/bootstrap.py)", () => {
  const { estimate, replicates, jackknife, low, high } = reference.exact;
  const interval = bcaInterval({ estimate, replicates, jackknife: [jackknife] });
  assert.equal(interval.method, "bca");
  close(interval.low, low, 1e-9, "low");
  close(interval.high, high, 1e-9, "high");
});

test("BCa with our own resampling equals scipy.stats.bootstrap within Monte-Carlo error (fixtures/evaluate/bootstrap.py)", () => {
  const { sample } = reference;
  const groups = groupSubjects(
    sample.map((_, i) => String(i)),
    sample.map(() => 0),
  );
  const statistics = (weights: Float64Array, out: Float64Array) => {
    const total = weights.reduce((a, b) => a + b, 0);
    out[0] = sample.reduce((sum, x, i) => sum + weights[i]! * x, 0) / total;
    out[1] = sample.reduce((sum, x, i) => sum + weights[i]! * x * x, 0) / total;
  };
  const resampled = resampleSubjects(statistics, 2, groups, { resamples: 10000, random: seededRandom(5) });
  [reference.mean, reference.meanSquare].forEach(({ low, high, standardError }, k) => {
    const interval = resampledInterval(resampled, k, 0.95);
    assert.equal(interval.method, "bca");
    close(interval.low, low, 0.1 * standardError, "low");
    close(interval.high, high, 0.2 * standardError, "high, in the long tail");
  });
});

test("a resample keeps subjects whole and the number of subjects of each label", () => {
  const subjects = ["a", "a", "b", "c", "c", "c", "d", "e"];
  const labels = [0, 0, 0, 1, 0, 1, 1, 1];
  const groups = groupSubjects(subjects, labels);
  assert.deepEqual(
    groups.strata.map((stratum) => stratum.map((rows) => [...rows])),
    [
      [[0, 1], [2]],
      [[3, 4, 5], [6], [7]],
    ],
  );
  assert.equal(oneVolumeEach(groups), false);
  let resamples = 0;
  const check = (weights: Float64Array, out: Float64Array) => {
    const drawn = (rows: number[]) => rows.reduce((sum, i) => sum + weights[i]!, 0);
    assert.equal(weights[0], weights[1]);
    assert.ok(weights[3] === weights[4] && weights[4] === weights[5]);
    if (resamples++ > 5) {
      assert.equal(drawn([0, 2]), 2);
      assert.equal(drawn([3, 6, 7]), 3);
    }
    out[0] = weights[0]!;
  };
  const { replicates, jackknife } = resampleSubjects(check, 1, groups, { resamples: 3000, random: seededRandom(1) });
  close(replicates[0]!.reduce((a, b) => a + b, 0) / 3000, 1, 0.05, "each subject is drawn once on average");
  assert.deepEqual(
    jackknife[0]!.map((values) => [...values]),
    [
      [0, 1],
      [1, 1, 1],
    ],
  );
});

test("the same seed gives the same resamples, another seed others", () => {
  const groups = groupSubjects(["a", "b", "c", "d"], [0, 0, 0, 0]);
  const run = (seed: number) =>
    resampleSubjects((weights, out) => (out[0] = weights[0]! + 10 * weights[1]!), 1, groups, {
      resamples: 50,
      random: seededRandom(seed),
    }).replicates[0]!;
  assert.deepEqual(run(1), run(1));
  assert.notDeepEqual(run(1), run(2));
});

test("stratified BCa covers: 95 % intervals of a stratified mean hold the truth in 90 to 99 % of 300 samples (simulation)", () => {
  const random = seededRandom(11);
  const labels = [...new Array<number>(12).fill(0), ...new Array<number>(24).fill(1)];
  const groups = groupSubjects(
    labels.map((_, i) => String(i)),
    labels,
  );
  let covered = 0;
  for (let trial = 0; trial < 300; trial++) {
    const values = labels.map((label) => (label === 0 ? -Math.log(1 - random()) : 5 + random()));
    const mean = (weights: Float64Array, out: Float64Array) =>
      (out[0] = values.reduce((sum, x, i) => sum + weights[i]! * x, 0) / labels.length);
    const { low, high } = resampledInterval(resampleSubjects(mean, 1, groups, { resamples: 400, random }), 0, 0.95);
    if (low <= (12 * 1 + 24 * 5.5) / 36 && high >= (12 * 1 + 24 * 5.5) / 36) covered++;
  }
  assert.ok(covered >= 262 && covered <= 297, `${covered} of 300`);
});

test("no interval where every resample is equal, percentiles where BCa is undefined, none with too many NaN (by hand)", () => {
  const spread = Float64Array.from({ length: 101 }, (_, i) => i / 100);
  assert.equal(bcaInterval({ estimate: 1, replicates: [1, 1, 1], jackknife: [[1, 1]] }).method, "none");
  const beyond = bcaInterval({ estimate: 2, replicates: spread, jackknife: [[1, 2, 4]] });
  assert.equal(beyond.method, "percentile");
  close(beyond.low, 0.025, 1e-12, "2.5th percentile");
  assert.equal(bcaInterval({ estimate: 0.4, replicates: spread, jackknife: [[1, 1, 1]] }).method, "percentile");
  assert.equal(
    bcaInterval({ estimate: 0.4, replicates: spread, jackknife: [[1, Number.NaN, 2]] }).method,
    "percentile",
  );
  const half = Array.from(spread, (value, i) => (i % 2 === 0 ? value : Number.NaN));
  assert.equal(bcaInterval({ estimate: 0.4, replicates: half, jackknife: [[1, 2, 4]] }).method, "none");
  assert.equal(bcaInterval({ estimate: Number.NaN, replicates: spread, jackknife: [[1, 2, 4]] }).method, "none");
});

test("one subject: a value, no interval (by hand)", () => {
  const groups = groupSubjects(["a", "a"], [0, 1]);
  const resampled = resampleSubjects((weights, out) => (out[0] = weights[0]! / 2), 1, groups, {
    resamples: 10,
    random: seededRandom(1),
  });
  assert.equal(resampled.estimate[0], 0.5);
  assert.equal(resampledInterval(resampled, 0, 0.95).method, "none");
});

test("quantiles interpolate as numpy's (by hand); wrong arguments are refused", () => {
  assert.equal(quantile(Float64Array.of(0, 10, 20), 0.25), 5);
  assert.equal(quantile(Float64Array.of(7), 0.9), 7);
  assert.throws(() => groupSubjects(["a"], []), ShapeError);
  assert.throws(() => groupSubjects([], []), ShapeError);
  const groups = groupSubjects(["a", "b"], [0, 0]);
  assert.throws(
    () => resampleSubjects(() => undefined, 1, groups, { resamples: 1, random: Math.random }),
    RangeOfParameterError,
  );
});
