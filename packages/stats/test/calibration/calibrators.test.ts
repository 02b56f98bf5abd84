import { test } from "node:test";
import assert from "node:assert/strict";
import { IsotonicRegression } from "../../src/calibration/isotonic.js";
import { correctPriors, estimatePriors } from "../../src/calibration/prior-shift.js";
import { TemperatureScaling } from "../../src/calibration/temperature.js";
import {
  LabelError,
  PredictionsError,
  ProbabilityError,
  RangeOfParameterError,
  ShapeError,
} from "../../src/errors.js";
import { argmax } from "../../src/metrics/confusion.js";
import { auroc, rank } from "../../src/metrics/ranking.js";
import type { PartScored } from "../../src/metrics/check.js";
import { close, fixture, simulate } from "../fixture.js";

interface Scores {
  name: string;
  labels: number[];
  probabilities: number[][];
  subjects: string[];
}
interface Reference {
  temperature: (Scores & { temperature: number; before: number; after: number; calibrated: number[][] })[];
  priorShift: {
    probabilities: number[][];
    trained: number[];
    target: number[];
    corrected: number[][];
    estimated: number[];
  }[];
  isotonic: (Scores & { at: number[]; calibrated: number[] })[];
}

const reference = fixture<Reference>("calibration");

function val(labels: number[], probabilities: number[][]): PartScored {
  return { part: "val", labels, probabilities, subjects: labels.map((_, i) => `s${i}`) };
}

const atTemperature = (temperature: number) =>
  TemperatureScaling.fromJSON({ temperature, atBound: false, volumes: 1, nllBefore: 1, nllAfter: 1 });

for (const c of reference.temperature)
  test(`temperature equals the minimum that scipy finds: ${c.name} (fixtures/evaluate/calibration.py)`, () => {
    const found = TemperatureScaling.fit({ part: "val", ...c }).toJSON();
    close(found.temperature / c.temperature, 1, 1e-5, "temperature");
    close(found.nllBefore, c.before, 1e-10, "NLL before");
    close(found.nllAfter, c.after, 1e-10, "NLL after");
    assert.deepEqual([found.atBound, found.volumes], [false, c.labels.length]);
    atTemperature(c.temperature)
      .apply(c.probabilities)
      .forEach((row, i) => row.forEach((p, k) => close(p, c.calibrated[i]![k]!, 1e-9, `row ${i}`)));
  });

test("a temperature changes no prediction and no ranking of two classes, and its inverse undoes it", () => {
  const { labels, probabilities } = simulate({ model: "m", seed: 2, counts: [15, 12], signal: 1 });
  const cooled = atTemperature(2.5).apply(probabilities);
  assert.deepEqual(cooled.map(argmax), probabilities.map(argmax));
  const area = (rows: number[][]) =>
    auroc(
      rank(
        rows.map((row) => row[1]!),
        labels.map((label) => label === 1),
      ),
    );
  assert.equal(area(cooled), area(probabilities));
  atTemperature(1 / 2.5)
    .apply(cooled)
    .forEach((row, i) => close(row[0]!, probabilities[i]![0]!, 1e-12, `row ${i}`));
  atTemperature(1)
    .apply(probabilities)
    .forEach((row, i) => close(row[0]!, probabilities[i]![0]!, 1e-12, `row ${i}`));
});

test("temperature is the lower limit where all of val is right, the upper limit where all is wrong, and 1 for uniform rows (by hand)", () => {
  const right = TemperatureScaling.fit(
    val(
      [0, 1, 1],
      [
        [0.9, 0.1],
        [0.2, 0.8],
        [0, 1],
      ],
    ),
  ).toJSON();
  assert.deepEqual([right.temperature, right.atBound], [0.05, true]);
  assert.ok(right.nllAfter < right.nllBefore);
  const wrong = TemperatureScaling.fit(
    val(
      [1, 0],
      [
        [0.9, 0.1],
        [0.2, 0.8],
      ],
    ),
  ).toJSON();
  assert.deepEqual([wrong.temperature, wrong.atBound], [20, true]);
  const ignorant = TemperatureScaling.fit(
    val(
      [1, 0],
      [
        [0.5, 0.5],
        [0.5, 0.5],
      ],
    ),
  ).toJSON();
  assert.deepEqual([ignorant.temperature, ignorant.atBound], [1, false]);
  const certain = TemperatureScaling.fit(
    val(
      [0, 1],
      [
        [1, 0],
        [0, 1],
      ],
    ),
  ).toJSON();
  assert.equal(certain.atBound, true);
  assert.ok(Number.isFinite(certain.nllAfter));
});

test("calibration is fitted on val alone: test is refused by name, and so are NaN and labels out of range", () => {
  const scores = val(
    [0, 1],
    [
      [0.9, 0.1],
      [0.2, 0.8],
    ],
  );
  const fits = [TemperatureScaling, IsotonicRegression].map(
    (calibrator) => (part: PartScored) => calibrator.fit(part),
  );
  for (const fit of fits) {
    assert.throws(
      () => fit({ ...scores, part: "test" }),
      (error) =>
        error instanceof PredictionsError &&
        /fitted on the validation set.*received test/.test(error.message),
    );
    assert.throws(
      () =>
        fit(
          val(
            [0, 1],
            [
              [Number.NaN, 0.1],
              [0.2, 0.8],
            ],
          ),
        ),
      ProbabilityError,
    );
    assert.throws(
      () =>
        fit(
          val(
            [0, 2],
            [
              [0.9, 0.1],
              [0.2, 0.8],
            ],
          ),
        ),
      LabelError,
    );
    assert.throws(() => fit({ ...scores, subjects: ["a"] }), ShapeError);
  }
  assert.throws(() => IsotonicRegression.fit(val([0], [[0.5, 0.3, 0.2]])), ShapeError);
  assert.throws(() => atTemperature(0).apply([[0.5, 0.5]]), RangeOfParameterError);
  assert.throws(() => atTemperature(1).apply([[Number.NaN, 1]]), ProbabilityError);
});

test("priors: the correction equals the formula row by row, the estimate a slow EM (fixtures/evaluate/calibration.py)", () => {
  for (const { probabilities, trained, target, corrected, estimated } of reference.priorShift) {
    correctPriors(probabilities, { trained, target }).forEach((row, i) =>
      row.forEach((p, c) => close(p, corrected[i]![c]!, 1e-12, `row ${i}`)),
    );
    const found = estimatePriors(probabilities, trained);
    assert.equal(found.converged, true);
    found.priors.forEach((prior, c) => close(prior, estimated[c]!, 1e-6, `class ${c}`));
  }
});

test("priors: the same mix changes nothing; odds move by the ratio of odds (by hand)", () => {
  const rows = [
    [0.7, 0.3],
    [0.1, 0.9],
  ];
  correctPriors(rows, { trained: [0.4, 0.6], target: [0.4, 0.6] }).forEach((row, i) =>
    close(row[0]!, rows[i]![0]!, 1e-15, "same"),
  );
  const [row] = correctPriors([[0.5, 0.5]], { trained: [0.5, 0.5], target: [0.9, 0.1] });
  close(row![1]!, 0.1, 1e-15, "an undecided model gives the prior");
});

test("an invalid mix is refused, and so is a row without a class of the target mix", () => {
  const rows = [[0.5, 0.5]];
  const refused = (trained: number[], target: number[], error: new (...rest: never[]) => Error) =>
    assert.throws(() => correctPriors(rows, { trained, target }), error);
  refused([0, 1], [0.5, 0.5], RangeOfParameterError);
  refused([0.5, 0.5], [0.7, 0.7], RangeOfParameterError);
  refused([0.5, 0.5], [-0.1, 1.1], RangeOfParameterError);
  refused([0.5, 0.5], [1], ShapeError);
  refused([Number.NaN, 1], [0.5, 0.5], RangeOfParameterError);
  assert.throws(
    () => correctPriors([[0, 1]], { trained: [0.5, 0.5], target: [1, 0] }),
    RangeOfParameterError,
  );
  assert.throws(() => estimatePriors([[0.5, 0.6]], [0.5, 0.5]), ProbabilityError);
});

for (const c of reference.isotonic)
  test(`isotonic map equals scikit-learn's IsotonicRegression: ${c.name} (fixtures/evaluate/calibration.py)`, () => {
    const rows = IsotonicRegression.fit({ part: "val", ...c }).apply(c.at.map((p) => [1 - p, p]));
    rows.forEach((row, i) => close(row[1]!, c.calibrated[i]!, 1e-9, `at ${c.at[i]}`));
  });

test("isotonic map: increasing, correct at the edges, one point for a constant model (by hand)", () => {
  const map = IsotonicRegression.fit(
    val(
      [0, 1, 0, 1],
      [0.2, 0.4, 0.6, 0.8].map((p) => [1 - p, p]),
    ),
  );
  assert.deepEqual(map.toJSON(), { probability: [0.2, 0.4, 0.6, 0.8], calibrated: [0, 0.5, 0.5, 1] });
  const constant = IsotonicRegression.fit(val([0, 1, 1, 1], new Array<number[]>(4).fill([0.5, 0.5])));
  assert.deepEqual(
    constant.apply([
      [1, 0],
      [0, 1],
    ]),
    [
      [0.25, 0.75],
      [0.25, 0.75],
    ],
  );
});
