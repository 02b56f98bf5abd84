import { test } from "node:test";
import assert from "node:assert/strict";
import { RangeOfParameterError, ShapeError } from "../../src/errors.js";
import { classMetricIndex, metricIndex, Scorer } from "../../src/metrics/scorer.js";
import {
  correlationOf,
  groupSubjects,
  pairedDifference,
  type Resampled,
  resampleSubjects,
  sampledOf,
  seededRandom,
} from "../../src/intervals/bootstrap.js";
import { clopperPearson, clusteredWilson, sampledShare, wilson } from "../../src/intervals/proportion.js";
import {
  differenceOf,
  estimateOf,
  intervalOf,
  sampledMeanOfShares,
  type Sampled,
} from "../../src/intervals/sampled.js";
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
  draws: number[][];
  estimate: number;
  replicates: number[];
}
interface Reference {
  clopperPearson: (Bounds & { successes: number; trials: number; level: number })[];
  clusteredWilson: (Bounds & { hits: number[]; trials: number[]; level: number })[];
  overSubjects: OverSubjects[];
  newcombe: (Bounds & { hits: [number, number]; trials: [number, number]; level: number })[];
  newcombePaired: (Bounds & { counts: [number, number, number, number]; phi: number; level: number })[];
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
  // Three subjects who are all right: Wilson's 3 / (3 + q²), q = 4.303 the quantile of t with 2 degrees of freedom.
  const { low, high, method } = clusteredWilson([9, 9, 9], [9, 9, 9]);
  close(low, 3 / (3 + 4.302652729911275 ** 2), 1e-9, "three subjects");
  assert.deepEqual([high, method], [1, "wilson, clustered"]);
  assert.equal(clusteredWilson([], []).method, "none");
  assert.equal(clusteredWilson([0], [0]).method, "none");
  assert.equal(sampledShare([2], [4], false).trials, 1, "one subject is one trial");
  assert.equal(sampledShare([2, 0.5], [4, 1], true).method, "wilson");
  assert.throws(() => clusteredWilson([1], [1, 1]), ShapeError);
  assert.throws(() => clusteredWilson([2], [1]), RangeOfParameterError);
});

for (const c of reference.overSubjects) {
  test(`bootstrap over subjects equals a slow one that copies rows, draw for draw: ${c.name} (fixtures/evaluate/intervals.py)`, () => {
    // The same draws: `random` gives back the recorded positions.
    const size = new Set(c.subjects).size;
    const numbers = c.draws.flatMap((positions) => positions.map((position) => (position + 0.5) / size));
    let next = 0;
    const scorer = new Scorer(c, c.classes, 5);
    const resampled = resampleSubjects(
      (weights, out) => scorer.score(weights, out),
      scorer.count,
      groupSubjects(c.subjects),
      { resamples: c.draws.length, random: () => numbers[next++]! },
    );
    assert.equal(next, numbers.length);
    const k = c.classes === 2 ? metricIndex("auroc") : metricIndex("macroF1");
    close(resampled.estimate[k]!, c.estimate, 1e-12, "estimate");
    c.replicates.forEach((value, r) => close(resampled.replicates[k]![r]!, value, 1e-12, `replicate ${r}`));
    const { low, high, method } = intervalOf(sampledOf(resampled, k, [0, 1]), 0.95);
    assert.equal(method, "wilson, bootstrap");
    close(low, c.low, 1e-9, "low");
    close(high, c.high, 1e-9, "high");
  });
}

test("Newcombe's interval of two independent shares equals statsmodels' (fixtures/evaluate/intervals.py)", () => {
  for (const { hits, trials, level, low, high } of reference.newcombe) {
    const [a, b] = [0, 1].map((k) => sampledShare([hits[k]!], [trials[k]!], true)) as [Sampled, Sampled];
    const { difference } = differenceOf(a, b, 0, level);
    close(difference.interval.low, low, 1e-9, `low of ${hits.join()}`);
    close(difference.interval.high, high, 1e-9, `high of ${hits.join()}`);
  }
});

test("Newcombe's interval of paired shares, from resamples with their correlation (fixtures/evaluate/intervals.py)", () => {
  for (const { counts, phi, level, low, high } of reference.newcombePaired) {
    const [a, b] = [
      [1, 1, 0, 0],
      [1, 0, 1, 0],
    ].map((hit) => counts.flatMap((count, cell) => new Array<number>(count).fill(hit[cell]!))) as [
      number[],
      number[],
    ];
    const n = a.length;
    const resampled = resampleSubjects(
      (weights, out) => {
        out[0] = a.reduce((sum, hit, i) => sum + hit * weights[i]!, 0) / n;
        out[1] = b.reduce((sum, hit, i) => sum + hit * weights[i]!, 0) / n;
      },
      2,
      groupSubjects(a.map((_, i) => `s${i}`)),
      { resamples: 20000, random: seededRandom(8) },
    );
    close(correlationOf(resampled, 0, 1), phi, 0.02, "phi, by 20000 resamples");
    const ones = new Array<number>(n).fill(1);
    const [first, second] = [a, b].map((hits) => sampledShare(hits, ones, true)) as [Sampled, Sampled];
    const exact = differenceOf(first, second, phi, level).difference.interval;
    close(exact.low, low, 1e-9, `low of ${counts.join()}`);
    close(exact.high, high, 1e-9, `high of ${counts.join()}`);
    const found = pairedDifference(resampled, [0, first], [1, second], level).difference.interval;
    // Its quantile is t's, because the correlation is estimated.
    close(found.low, low, 0.02, `low of ${counts.join()}, by resampling`);
    assert.ok(found.low < low + 0.005 && found.high > high - 0.005);
  }
});

test("test and interval of a difference agree: the bound has p = 1 - level", () => {
  const sampled = (value: number, trials: number, degreesOfFreedom: number): Sampled => ({
    value,
    range: [0, 1],
    standardError: Math.sqrt((value * (1 - value)) / trials),
    trials,
    degreesOfFreedom,
    method: "wilson, bootstrap",
  });
  for (const degreesOfFreedom of [Infinity, 19])
    for (const [a, b, correlation] of [
      [0.9, 0.6, 0.4],
      [0.5, 0.75, 0],
      [1, 0.9, 0],
    ] as const) {
      const [first, second] = [sampled(a, 20, degreesOfFreedom), sampled(b, 20, degreesOfFreedom)];
      const { p } = differenceOf(first, second, correlation, 0.95);
      assert.ok(p > 0 && p < 1);
      const { low, high } = differenceOf(first, second, correlation, 1 - p).difference.interval;
      close(a > b ? low : high, 0, 1e-6, `${a} - ${b}`);
    }
  assert.equal(differenceOf(sampled(0.7, 20, 9), sampled(0.7, 20, 9), 0, 0.95).p, 1);
});

test("a mean of shares combines their intervals: a share of 1 widens it, too (by hand)", () => {
  const [all, most] = [
    sampledShare([1, 1, 1, 1], [1, 1, 1, 1], true),
    sampledShare([1, 1, 1, 0], [1, 1, 1, 1], true),
  ];
  const mean = sampledMeanOfShares([all, most]);
  const interval = intervalOf(mean, 0.95);
  const [first, second] = [wilson(4, 4), wilson(3, 4)];
  close(mean.value, 0.875, 1e-12, "value");
  close(interval.low, 0.875 - Math.hypot(1 - first.low, 0.75 - second.low) / 2, 1e-12, "low");
  close(interval.high, 0.875 + (second.high - 0.75) / 2, 1e-12, "high");
  assert.deepEqual([mean.degreesOfFreedom, interval.method], [Infinity, "wilson, combined"]);
  // Welch's degrees of freedom: two equal shares of groups with 4 and 4 have 8.
  const clustered = { ...most, degreesOfFreedom: 4 };
  close(sampledMeanOfShares([clustered, clustered]).degreesOfFreedom, 8, 1e-12, "degrees of freedom");
});

test("where subjects have several volumes, a ranking is known as well as its smaller group is", () => {
  const resampled: Resampled = {
    estimate: Float64Array.of(0.8),
    replicates: [Float64Array.of(0.7, 0.8, 0.9)],
    subjects: 50,
    independent: false,
  };
  const [all, few] = [sampledOf(resampled, 0, [0, 1]), sampledOf(resampled, 0, [0, 1], undefined, 10)];
  assert.deepEqual([all.degreesOfFreedom, few.degreesOfFreedom], [49, 9]);
  close(few.standardError / all.standardError, Math.sqrt(10 / 9 / (50 / 49)), 1e-12, "n / (n - 1)");
  assert.deepEqual(
    sampledOf({ ...resampled, independent: true }, 0, [0, 1], undefined, 10).degreesOfFreedom,
    49,
  );
});

test("ranges: kappa is Wilson's on -1..1, a loss has a log t interval, anything else a t interval (by hand)", () => {
  const base = {
    standardError: 0.1,
    degreesOfFreedom: Infinity,
    trials: 10,
    method: "wilson, bootstrap",
  } as const;
  const share = intervalOf({ ...base, value: 0.8, range: [0, 1] }, 0.95);
  const kappa = intervalOf({ ...base, value: 0.6, range: [-1, 1] }, 0.95);
  close(kappa.low, 2 * share.low - 1, 1e-12, "low");
  close(kappa.high, 2 * share.high - 1, 1e-12, "high");
  const loss = intervalOf({ ...base, value: 0.5, range: "positive" }, 0.95);
  close(loss.high / 0.5, Math.exp(1.959963984540054 / 5), 1e-12, "factor");
  close(loss.low * loss.high, 0.25, 1e-12, "the same factor below");
  const gain = intervalOf({ ...base, value: -0.1, range: "unbounded", degreesOfFreedom: 4 }, 0.95);
  close(gain.high, -0.1 + 2.7764451051977987 * 0.1, 1e-9, "t with 4 degrees of freedom");
});

test("per-class metrics are resampled too: an absent class stays NaN, without an interval (by hand)", () => {
  const labels = [0, 0, 1, 1];
  const probabilities = labels.map((label) => [0.6 - 0.4 * label, 0.3 + 0.4 * label, 0.1]);
  const scorer = new Scorer({ labels, probabilities }, 3, 1);
  const resampled = resampleSubjects(
    (weights, out) => scorer.score(weights, out),
    scorer.count,
    groupSubjects(["a", "b", "c", "d"]),
    { resamples: 20, random: seededRandom(1) },
  );
  const recall = classMetricIndex(2, "recall");
  assert.ok(Number.isNaN(resampled.estimate[recall]!));
  assert.equal(estimateOf(sampledOf(resampled, recall, [0, 1]), 0.95).interval.method, "none");
});
