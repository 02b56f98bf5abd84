import { test } from "node:test";
import assert from "node:assert/strict";
import { ConformalPredictor, type ConformalScore } from "../../src/decisions/conformal.js";
import { reportSets } from "../../src/decisions/set-report.js";
import {
  LabelError,
  PredictionsError,
  ProbabilityError,
  RangeOfParameterError,
  ShapeError,
} from "../../src/errors.js";
import type { PartScored, Scored } from "../../src/metrics/check.js";
import { clusteredWilson, wilson } from "../../src/intervals/proportion.js";
import { Random } from "../../src/random.js";
import { scoreAll } from "../../src/metrics/scorer.js";
import { close, fixture, simulate } from "../fixture.js";

interface Case {
  miss: number;
  score: ConformalScore;
  byClass: boolean;
  val: Scored;
  test: Scored;
  quantiles: (number | null)[];
  counts: number[];
  sets: boolean[][];
  coverage: number;
  subjectCoverage: number;
  meanSize: number;
}

for (const c of fixture<{ conformal: Case[] }>("decisions").conformal)
  test(`prediction sets equal a count of one subject at a time: ${c.score}, ${c.byClass ? "each class by itself" : "all classes"} (fixtures/evaluate/decisions.py)`, () => {
    const predictor = ConformalPredictor.fit({ part: "val", ...c.val }, c);
    const model = predictor.toJSON();
    assert.deepEqual(model.subjects_C, c.counts);
    model.quantile_C.forEach((quantile, k) => {
      if (c.quantiles[k] === null) assert.equal(quantile, null);
      else close(quantile!, c.quantiles[k]!, 1e-12, `quantile of class ${k}`);
    });
    const sets = predictor.apply(c.test.probabilities);
    assert.deepEqual(sets, c.sets);
    const report = reportSets(sets, c.test, { seed: 1, resamples: 200 });
    close(report.coverage.value, c.coverage, 1e-12, "coverage");
    close(report.subjectCoverage.value, c.subjectCoverage, 1e-12, "coverage of subjects");
    close(report.meanSize.value, c.meanSize, 1e-12, "mean size");
    assert.equal(
      report.sizes.reduce((sum, count, size) => sum + count * size, 0) / c.test.labels.length,
      report.meanSize.value,
    );
    assert.equal(
      report.perClass.reduce((sum, { support }) => sum + support, 0),
      c.test.labels.length,
    );
  });

for (const score of ["lac", "aps"] as const)
  for (const byClass of [false, true])
    test(`the guarantee holds: over 300 splits ${score}${byClass ? " by class" : ""} covers 80 % or more, on average (simulation)`, () => {
      let [covered, total] = [0, 0];
      for (let split = 0; split < 300; split++) {
        const all = simulate({ model: "m", seed: 1000 + split, counts: [24, 24], signal: 0.7 });
        const take = (odd: number): PartScored => {
          const rows = [...all.labels.keys()].filter((i) => i % 2 === odd);
          return {
            part: "val",
            labels: rows.map((i) => all.labels[i]!),
            probabilities: rows.map((i) => all.probabilities[i]!),
            subjects: rows.map((i) => all.subjects[i]!),
          };
        };
        const [val, held] = [take(0), take(1)];
        const sets = ConformalPredictor.fit(val, { miss: 0.2, score, byClass }).apply(held.probabilities);
        held.labels.forEach((label, i) => (covered += sets[i]![label]! ? 1 : 0));
        total += held.labels.length;
      }
      // 7200 held-out volumes: three standard errors, split to split, are about 0.02.
      assert.ok(covered / total > 0.78, `${covered / total}`);
      if (score === "lac" && !byClass)
        assert.ok(covered / total < 0.87, "and not because the sets contain every class");
    });

test("the quantile by hand: 4 of 5 subjects at 20 %, all classes where subjects are too few", () => {
  const val: PartScored = {
    part: "val",
    labels: [0, 0, 0, 0, 0],
    probabilities: [0.9, 0.8, 0.7, 0.6, 0.5].map((p) => [p, 1 - p]),
    subjects: ["a", "b", "c", "d", "e"],
  };
  const model = ConformalPredictor.fit(val, { miss: 0.2, score: "lac", byClass: false });
  close(model.toJSON().quantile_C[0]!, 0.5, 1e-12, "⌈6 · 0.8⌉ = 5th of 0.1, 0.2, 0.3, 0.4, 0.5");
  close(
    ConformalPredictor.fit(val, { miss: 0.4, score: "lac", byClass: false }).toJSON().quantile_C[0]!,
    0.4,
    1e-12,
    "⌈6 · 0.6⌉ = 4th",
  );
  const few = ConformalPredictor.fit(val, { miss: 0.1, score: "lac", byClass: false });
  assert.deepEqual(few.toJSON().quantile_C, [null, null]);
  assert.deepEqual(few.apply([[0.99, 0.01]]), [[true, true]]);
  const byClass = ConformalPredictor.fit(val, { miss: 0.4, score: "lac", byClass: true });
  assert.deepEqual(
    [byClass.toJSON().quantile_C[1], byClass.toJSON().subjects_C[1]],
    [null, 0],
    "an absent class is never ruled out",
  );
});

/** Coverage of 90 % sets, mean over trainings: `epochs` models that differ by chance, the best of them on val. */
function coverageAfterChoice(epochs: number, valSubjects: number, trainings: number): number {
  const random = new Random(17);
  const TEST = 200;
  let covered = 0;
  for (let training = 0; training < trainings; training++) {
    const labels = Array.from({ length: valSubjects + TEST }, () => (random.uniform() < 0.4 ? 1 : 0));
    const hardness = labels.map(() => random.normal());
    const runs = Array.from({ length: epochs }, () =>
      labels.map((label, i) => {
        const p = 1 / (1 + Math.exp(-(2 * (label - 0.5) + hardness[i]! + random.normal())));
        return [1 - p, p];
      }),
    );
    const part = (run: number[][], from: number, to: number): PartScored => ({
      part: "val",
      labels: labels.slice(from, to),
      probabilities: run.slice(from, to),
      subjects: labels.slice(from, to).map((_, i) => `s${i}`),
    });
    const score = (run: number[][]) => {
      const { labels: own, probabilities } = part(run, 0, valSubjects);
      return scoreAll({ labels: own, probabilities }, 2, 1).macroF1;
    };
    const chosen = runs.reduce((best, run) => (score(run) > score(best) ? run : best));
    const model = ConformalPredictor.fit(part(chosen, 0, valSubjects), {
      miss: 0.1,
      score: "lac",
      byClass: false,
    });
    const { labels: own, probabilities } = part(chosen, valSubjects, labels.length);
    covered += model.apply(probabilities).filter((set, i) => set[own[i]!]).length;
  }
  return covered / (trainings * TEST);
}

test("coverage is at least the target where val was used for nothing else, and slightly less where val chose the epoch (simulation)", () => {
  const untouched = coverageAfterChoice(1, 50, 400);
  assert.ok(untouched > 0.895 && untouched < 0.93, `untouched ${untouched}`);
  const chosen = coverageAfterChoice(20, 50, 150);
  assert.ok(chosen < untouched && chosen > 0.84, `chosen by val ${chosen}`);
});

test("of several volumes of a subject, the highest score counts (by hand)", () => {
  const val: PartScored = {
    part: "val",
    labels: [0, 0, 0],
    probabilities: [0.9, 0.3, 0.8].map((p) => [p, 1 - p]),
    subjects: ["a", "a", "b"],
  };
  const model = ConformalPredictor.fit(val, { miss: 0.5, score: "lac", byClass: false });
  close(model.toJSON().quantile_C[0]!, 0.7, 1e-12, "⌈3 · 0.5⌉ = 2nd of 0.7 (a) and 0.2 (b)");
  assert.equal(model.toJSON().subjects_C[0], 2);
});

test("lac may return an empty set for a scan unlike all of val, aps never does (by hand)", () => {
  const val: PartScored = {
    part: "val",
    labels: [0, 1, 0, 1],
    probabilities: [0.95, 0.05, 0.96, 0.04].map((p) => [p, 1 - p]),
    subjects: ["a", "b", "c", "d"],
  };
  const options = { miss: 0.4, byClass: false };
  assert.deepEqual(ConformalPredictor.fit(val, { ...options, score: "lac" }).apply([[0.5, 0.5]]), [
    [false, false],
  ]);
  const [aps] = ConformalPredictor.fit(val, { ...options, score: "aps" }).apply([[0.97, 0.03]]);
  assert.deepEqual(aps, [true, false]);
});

test("coverage intervals: Wilson for one volume per subject, with the design effect for several (by hand)", () => {
  const sets = [
    [true, false],
    [true, true],
    [false, true],
    [true, false],
  ];
  const labels = [0, 0, 1, 1];
  const alone = reportSets(sets, { labels, subjects: ["a", "b", "c", "d"] }, { seed: 1, resamples: 50 });
  assert.deepEqual(alone.coverage, { value: 0.75, interval: wilson(3, 4) });
  assert.deepEqual(alone.sizes, [0, 3, 1]);
  assert.deepEqual(alone.perClass[0]!.coverage.interval, wilson(2, 2));
  assert.equal(alone.perClass[1]!.small, true);
  const grouped = reportSets(sets, { labels, subjects: ["a", "b", "c", "c"] }, { seed: 1, resamples: 50 });
  assert.deepEqual(grouped.coverage.interval, clusteredWilson([1, 1, 1], [1, 1, 2]));
  assert.deepEqual(grouped.subjectCoverage, { value: 2 / 3, interval: wilson(2, 3) });
});

test("prediction sets are fitted on val alone, and invalid input is refused", () => {
  const { labels, probabilities, subjects } = simulate({ model: "m", seed: 1, counts: [4, 4], signal: 1 });
  const options = { miss: 0.2, score: "lac", byClass: false } as const;
  assert.throws(
    () => ConformalPredictor.fit({ part: "test", labels, probabilities, subjects }, options),
    PredictionsError,
  );
  const val: PartScored = { part: "val", labels, probabilities, subjects };
  assert.throws(() => ConformalPredictor.fit(val, { ...options, miss: 0 }), RangeOfParameterError);
  assert.throws(() => ConformalPredictor.fit({ ...val, labels: labels.map(() => 2) }, options), LabelError);
  const model = ConformalPredictor.fit(val, options);
  assert.throws(() => model.apply([[Number.NaN, 1]]), ProbabilityError);
  assert.throws(() => model.apply([[0.2, 0.3, 0.5]]), ShapeError);
  assert.throws(
    () => reportSets([[true, false]], { labels: [0, 1], subjects: ["a", "b"] }, { seed: 1 }),
    ShapeError,
  );
  assert.throws(() => reportSets([[true, false]], { labels: [2], subjects: ["a"] }, { seed: 1 }), LabelError);
});
