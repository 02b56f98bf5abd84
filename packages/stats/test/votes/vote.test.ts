import { test } from "node:test";
import assert from "node:assert/strict";
import { RangeOfParameterError, ShapeError } from "../../src/errors.js";
import { argmax } from "../../src/metrics/confusion.js";
import { auroc, rank } from "../../src/metrics/ranking.js";
import { countPositive, isPositive, sweepThreshold, thresholdVote } from "../../src/votes/count-threshold.js";
import { majorityVote, meanVote, voteCounts } from "../../src/votes/rules.js";
import { close } from "../fixture.js";

test("mean vote: mean of the rows (by hand)", () => {
  const vote = meanVote([[0.5, 0.25, 0.25], Float32Array.of(0.25, 0.25, 0.5)]);
  assert.deepEqual(vote, [0.375, 0.25, 0.375]);
});

test("votes never average class indices: half class 0 and half class 2 is not class 1 (trap 4)", () => {
  const slices = [
    [0.9, 0.1, 0],
    [0.9, 0.1, 0],
    [0, 0.1, 0.9],
    [0, 0.05, 0.95],
  ];
  assert.deepEqual(voteCounts(slices), [2, 0, 2]);
  assert.equal(argmax(majorityVote(slices)), 2, "the tie goes to the more probable class");
  assert.equal(argmax(meanVote(slices)), 2);
});

test("majority vote: counts decide, however confident the minority is (by hand)", () => {
  const slices = [
    [0.51, 0.49],
    [0.51, 0.49],
    [0, 1],
  ];
  const shares = majorityVote(slices);
  assert.equal(argmax(shares), 0);
  assert.equal(argmax(meanVote(slices)), 1);
  close(shares[0]! + shares[1]!, 1, 1e-15, "sum");
});

test("threshold: at least k of S slices, as a fraction where depths differ (by hand)", () => {
  assert.equal(isPositive({ positive: 3, slices: 9 }, { numerator: 1, denominator: 3 }), true);
  assert.equal(isPositive({ positive: 2, slices: 9 }, { numerator: 1, denominator: 3 }), false);
  assert.deepEqual(
    countPositive([
      [0.4, 0.6],
      [0.5, 0.5],
      [0.1, 0.9],
    ]),
    { positive: 2, slices: 3 },
  );
  assert.throws(() => countPositive([[0.2, 0.3, 0.5]]), ShapeError);
});

test("sweep: every threshold 0..S, the middle of the longest best run kept (by hand)", () => {
  const volumes = [1, 2, 6, 8].map((positive) => ({ positive, slices: 8 }));
  const { steps, best } = sweepThreshold(volumes, [0, 0, 1, 1]);
  assert.deepEqual(
    steps.map((step) => step.balancedAccuracy),
    [0.5, 0.5, 0.75, 1, 1, 1, 1, 0.75, 0.75],
  );
  assert.deepEqual(best, { numerator: 4, denominator: 8 });
});

test("sweep over different depths equals brute force over fractions", () => {
  const volumes = [
    [1, 4],
    [2, 10],
    [5, 7],
    [3, 12],
    [9, 10],
    [4, 8],
  ].map(([positive, slices]) => ({ positive: positive!, slices: slices! }));
  const labels = [0, 0, 1, 0, 1, 1];
  const { steps } = sweepThreshold(volumes, labels);
  assert.equal(steps.length, 13);
  steps.forEach(({ accuracy }, k) => {
    const right = volumes.filter(
      ({ positive, slices }, i) => (positive / slices >= k / 12 - 1e-12 ? 1 : 0) === labels[i],
    );
    close(accuracy, right.length / 6, 1e-15, `threshold ${k}/12`);
  });
});

test("threshold vote: argmax is the frozen decision, order and AUROC those of the fraction, for every threshold and count", () => {
  for (let numerator = 0; numerator <= 7; numerator++) {
    const threshold = { numerator, denominator: 7 };
    const volumes = [3, 5, 7].flatMap((slices) =>
      Array.from({ length: slices + 1 }, (_, positive) => ({ positive, slices })),
    );
    const scores = volumes.map((volume) => thresholdVote(volume, threshold));
    scores.forEach((row, i) => {
      assert.equal(argmax(row), isPositive(volumes[i]!, threshold) ? 1 : 0);
      close(row[0] + row[1], 1, 1e-15, "sum");
      assert.ok(row[1] >= 0 && row[1] <= 1);
    });
    const labels = volumes.map((_, i) => i % 3 === 0);
    const fractions = volumes.map(({ positive, slices }) => positive / slices);
    assert.equal(
      auroc(
        rank(
          scores.map((row) => row[1]),
          labels,
        ),
      ),
      auroc(rank(fractions, labels)),
    );
  }
});

test("empty or ragged votes are refused", () => {
  assert.throws(() => meanVote([]), ShapeError);
  assert.throws(
    () =>
      majorityVote([
        [1, 0],
        [1, 0, 0],
      ]),
    ShapeError,
  );
  assert.throws(() => sweepThreshold([], []), ShapeError);
  assert.throws(() => sweepThreshold([{ positive: 2, slices: 1 }], [0]), RangeOfParameterError);
});
