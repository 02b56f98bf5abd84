import { test } from "node:test";
import assert from "node:assert/strict";
import { LabelError, ProbabilityError, RangeOfParameterError, ShapeError } from "../../src/errors.js";
import {
  classVote,
  countClasses,
  gradeVote,
  sweepClassVote,
  sweepGrades,
} from "../../src/votes/class-counts.js";
import { countPositive, isPositive, sweepThreshold } from "../../src/votes/count-threshold.js";
import { meanVote, noisyOrVote, topKVote } from "../../src/votes/rules.js";
import { close, fixture } from "../fixture.js";

interface Case {
  labels: number[];
  slices: number[][][];
  noisyOr: number[][];
  topThree: number[][];
  /** accuracy, balanced accuracy, macro F1 at each threshold */
  background: [number, number, number][];
  /** balanced accuracy at each threshold, for each border */
  grades: number[][];
}

const cases = fixture<{ votes: Case[] }>("decisions").votes;

for (const c of cases) {
  const classes = c.noisyOr[0]!.length;
  test(`noisy or and top-3 equal products and sorted means by numpy, ${classes} classes (fixtures/evaluate/decisions.py)`, () => {
    c.slices.forEach((slices, v) => {
      noisyOrVote(slices).forEach((p, k) => close(p, c.noisyOr[v]![k]!, 1e-12, `noisy or, volume ${v}`));
      topKVote(slices, 3).forEach((p, k) => close(p, c.topThree[v]![k]!, 1e-12, `top 3, volume ${v}`));
    });
  });

  test(`both sweeps equal plain loops with scikit-learn's metrics, ${classes} classes (fixtures/evaluate/decisions.py)`, () => {
    const volumes = c.slices.map(countClasses);
    const { steps, best } = sweepClassVote(volumes, c.labels);
    assert.equal(steps.length, c.background.length);
    steps.forEach((step, k) => {
      const [accuracy, balancedAccuracy, macroF1] = c.background[k]!;
      close(step.accuracy, accuracy, 1e-12, `accuracy at ${k}`);
      close(step.balancedAccuracy, balancedAccuracy, 1e-12, `balanced accuracy at ${k}`);
      close(step.macroF1, macroF1, 1e-12, `macro F1 at ${k}`);
    });
    const top = Math.max(...c.background.map(([, balanced]) => balanced));
    close(steps[best.numerator]!.balancedAccuracy, top, 1e-12, "the best is the best");
    const { sweeps } = sweepGrades(volumes, c.labels);
    sweeps.forEach((sweep, border) =>
      sweep.steps.forEach((step, k) =>
        close(step.balancedAccuracy, c.grades[k]![border]!, 1e-12, `border ${border} at ${k}`),
      ),
    );
  });
}

test("for two classes both multiclass votes are the threshold vote, at every threshold", () => {
  const c = cases[0]!;
  const volumes = c.slices.map(countClasses);
  const positives = c.slices.map(countPositive);
  const binary = sweepThreshold(positives, c.labels);
  assert.deepEqual(sweepClassVote(volumes, c.labels), binary);
  assert.deepEqual(sweepGrades(volumes, c.labels).best, [binary.best]);
  for (const { threshold } of binary.steps)
    volumes.forEach((volume, v) => {
      const expected = isPositive(positives[v]!, threshold) ? 1 : 0;
      assert.equal(classVote(volume, threshold), expected);
      assert.equal(gradeVote(volume, [threshold]), expected);
    });
});

test("a sweep may be for another criterion: accuracy leaves the rare class alone, balanced accuracy does not (by hand)", () => {
  const volumes = [0, 0, 3, 3, 3, 3, 4].map((positive) => ({ positive, slices: 4 }));
  const labels = [0, 0, 0, 0, 1, 0, 1];
  assert.deepEqual(sweepThreshold(volumes, labels, "accuracy").best, { numerator: 4, denominator: 4 });
  const balanced = sweepThreshold(volumes, labels, "balancedAccuracy");
  close(balanced.steps[4]!.balancedAccuracy, 0.75, 1e-15, "at 4 of 4");
  close(balanced.steps[3]!.balancedAccuracy, 0.7, 1e-15, "at 3 of 4");
});

test("class vote: few positive slices are background, many are the class that most of them chose (by hand)", () => {
  const slices = [
    [0.8, 0.1, 0.1],
    [0.7, 0.2, 0.1],
    [0.1, 0.2, 0.7],
    [0.2, 0.5, 0.3],
    [0.1, 0.3, 0.6],
  ];
  const volume = countClasses(slices);
  assert.deepEqual(volume.counts_C, [2, 1, 2]);
  assert.equal(classVote(volume, { numerator: 3, denominator: 5 }), 2);
  assert.equal(classVote(volume, { numerator: 4, denominator: 5 }), 0);
  assert.equal(
    classVote(volume, { numerator: 4, denominator: 5 }, 1),
    0,
    "class 1 as background; 0.38 against 0.36 on average",
  );
  assert.equal(
    gradeVote(volume, [
      { numerator: 3, denominator: 5 },
      { numerator: 3, denominator: 5 },
    ]),
    1,
  );
});

test("votes at their edges: one slice is itself, certainty decides a noisy or, k beyond the slices is the mean (by hand)", () => {
  const one = [[0.2, 0.5, 0.3]];
  for (const vote of [meanVote(one), noisyOrVote(one), topKVote(one, 1)])
    vote.forEach((p, c) => close(p, one[0]![c]!, 1e-15, `class ${c}`));
  const certain = noisyOrVote([
    [1, 0],
    [0, 1],
    [1, 0],
  ]);
  assert.deepEqual(certain, [0, 1]);
  assert.deepEqual(
    noisyOrVote([
      [1, 0],
      [1, 0],
    ]),
    [1, 0],
  );
  const many = noisyOrVote(new Array<number[]>(64).fill([0.9, 0.1]));
  close(many[0]!, 0.9 ** 64, 1e-15, "64 slices, in logarithms");
  const slices = [
    [0.6, 0.4],
    [0.1, 0.9],
  ];
  topKVote(slices, 10).forEach((p, c) => close(p, meanVote(slices)[c]!, 1e-15, `class ${c}`));
  topKVote(slices, 1).forEach((p, c) =>
    close(p, [0.6 / 1.5, 0.9 / 1.5][c]!, 1e-15, "the maximum of each class"),
  );
});

test("a class absent from val leaves the sweeps defined; wrong input is refused", () => {
  const volumes = cases[1]!.slices.map(countClasses);
  const twoOnly = cases[1]!.labels.map((label) => Math.min(label, 1));
  assert.ok(sweepGrades(volumes, twoOnly).best.every(({ denominator }) => denominator > 0));
  assert.ok(Number.isFinite(sweepClassVote(volumes, twoOnly).steps[3]!.balancedAccuracy));
  assert.throws(() => sweepClassVote(volumes, [0]), ShapeError);
  assert.throws(() => sweepClassVote([], []), ShapeError);
  assert.throws(
    () =>
      sweepClassVote(
        volumes,
        twoOnly.map(() => 7),
      ),
    LabelError,
  );
  assert.throws(() => sweepClassVote(volumes, twoOnly, { background: 3 }), RangeOfParameterError);
  assert.throws(() => sweepGrades([volumes[0]!, countClasses([[0.5, 0.5]])], [0, 1]), ShapeError);
  assert.throws(() => topKVote([[0.5, 0.5]], 0), RangeOfParameterError);
  assert.throws(() => noisyOrVote([]), ShapeError);
  for (const vote of [meanVote, noisyOrVote, countClasses, (slices: number[][]) => topKVote(slices, 1)])
    for (const bad of [Number.NaN, -0.1, 1.1, Infinity])
      assert.throws(
        () =>
          vote([
            [0.5, 0.5],
            [bad, 0.5],
          ]),
        ProbabilityError,
        String(bad),
      );
});
