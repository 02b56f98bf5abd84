import { test } from "node:test";
import assert from "node:assert/strict";
import { ClusteredSubjectsError, RangeOfParameterError, ShapeError } from "../../src/errors.js";
import { auroc, rank } from "../../src/metrics/ranking.js";
import { groupSubjects, resampleSubjects, seededRandom } from "../../src/intervals/bootstrap.js";
import { delongAuroc, delongTest } from "../../src/comparisons/delong.js";
import { close, fixture } from "../fixture.js";

interface Case {
  name: string;
  positive: boolean[];
  first: number[];
  second: number[];
  auroc: [number, number];
  standardErrorOfFirst: number;
  logitInterval: [number, number];
  standardError: number;
  low: number;
  high: number;
  z: number;
  p: number;
}

const names = (n: number) => Array.from({ length: n }, (_, i) => `s${i}`);

for (const c of fixture<{ delong: Case[] }>("compare").delong) {
  test(`DeLong in O(n log n) equals the double sum over all pairs: ${c.name} (fixtures/evaluate/compare.py)`, () => {
    const sample = { scores: c.first, positive: c.positive, subjects: names(c.first.length) };
    const alone = delongAuroc(sample);
    close(alone.value, c.auroc[0], 1e-12, "AUROC");
    close(alone.standardError, c.standardErrorOfFirst, 1e-12, "standard error");
    close(alone.interval.low, c.logitInterval[0], 1e-12, "low");
    close(alone.interval.high, c.logitInterval[1], 1e-12, "high");
    const { auroc: areas, difference, standardError, z, p } = delongTest(sample, c.second);
    areas.forEach((area, k) => close(area, c.auroc[k]!, 1e-12, "AUROC"));
    close(standardError, c.standardError, 1e-12, "standard error of the difference");
    close(difference.interval.low, c.low, 1e-12, "low");
    close(difference.interval.high, c.high, 1e-12, "high");
    close(z, c.z, 1e-9, "z");
    close(p, c.p, 1e-9, "p");
  });
}

test("a perfect predictor has no variance and no interval; two perfect ones have p = 1 (by hand)", () => {
  const positive = [true, true, false, false];
  const perfect = { scores: [4, 3, 2, 1], positive, subjects: names(4) };
  const alone = delongAuroc(perfect);
  assert.deepEqual([alone.value, alone.standardError, alone.interval.method], [1, 0, "none"]);
  const same = delongTest(perfect, [9, 8, 1, 0]);
  assert.deepEqual([same.difference.value, same.p, same.difference.interval.method], [0, 1, "none"]);
});

test("a model against itself has p = 1; perfect against reversed differs without variance, so no p (by hand)", () => {
  const positive = [true, false, true, false, true, false];
  const sample = { scores: [0.9, 0.8, 0.7, 0.3, 0.6, 0.65], positive, subjects: names(6) };
  assert.equal(delongTest(sample, sample.scores).p, 1);
  const sorted = { scores: [6, 1, 5, 2, 4, 3], positive, subjects: names(6) };
  const reversed = delongTest(
    sorted,
    sorted.scores.map((score) => -score),
  );
  assert.equal(reversed.difference.value, 1);
  assert.ok(Number.isNaN(reversed.p));
});

test("a constant score: AUROC one half without variance (by hand)", () => {
  const { value, standardError } = delongAuroc({
    scores: [1, 1, 1, 1],
    positive: [true, false, true, false],
    subjects: names(4),
  });
  assert.deepEqual([value, standardError], [0.5, 0]);
});

test("an absent class: AUROC undefined; one positive: AUROC defined, its standard error not (by hand)", () => {
  const none = delongAuroc({ scores: [1, 2], positive: [false, false], subjects: names(2) });
  assert.ok(Number.isNaN(none.value) && none.interval.method === "none");
  const one = delongAuroc({ scores: [3, 2, 1], positive: [false, true, false], subjects: names(3) });
  assert.equal(one.value, 0.5);
  assert.ok(Number.isNaN(one.standardError) && one.interval.method === "none");
  assert.ok(
    Number.isNaN(
      delongTest({ scores: [3, 2, 1], positive: [false, true, false], subjects: names(3) }, [1, 2, 3]).p,
    ),
  );
});

test("several volumes of a subject are refused, naming subject and remedy; NaN and lengths are refused", () => {
  const sample = {
    scores: [1, 2, 3, 4],
    positive: [true, false, true, false],
    subjects: ["a", "a", "b", "c"],
  };
  assert.throws(
    () => delongTest(sample, sample.scores),
    (error) =>
      error instanceof ClusteredSubjectsError && /DeLong's test.*\(a\).*paired bootstrap/.test(error.message),
  );
  assert.throws(() => delongAuroc(sample), ClusteredSubjectsError);
  const alone = { ...sample, subjects: names(4) };
  assert.throws(() => delongAuroc({ ...alone, scores: [1, Number.NaN, 3, 4] }), RangeOfParameterError);
  assert.throws(() => delongTest(alone, [1, 2, 3]), ShapeError);
  assert.throws(() => delongAuroc(alone, 1), RangeOfParameterError);
});

test("DeLong's standard error is near the bootstrap's on 400 subjects (two methods, one answer)", () => {
  const random = seededRandom(9);
  const positive = Array.from({ length: 400 }, (_, i) => i % 3 === 0);
  const scores = positive.map((yes) => random() + random() + (yes ? 0.5 : 0));
  const ranking = rank(scores, positive);
  const { replicates } = resampleSubjects(
    (weights, out) => (out[0] = auroc(ranking, weights)),
    1,
    groupSubjects(names(400)),
    { resamples: 2000, random },
  );
  const mean = replicates[0]!.reduce((a, b) => a + b, 0) / 2000;
  const spread = Math.sqrt(replicates[0]!.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 1999);
  const { standardError } = delongAuroc({ scores, positive, subjects: names(400) });
  close(standardError / spread, 1, 0.06, "ratio");
});

test("40000 volumes are handled, and their AUROC is that of the ranking", () => {
  const random = seededRandom(2);
  const positive = Array.from({ length: 40000 }, () => random() < 0.3);
  const scores = positive.map((yes) => Math.round(1000 * (random() + (yes ? 0.2 : 0))));
  const { value } = delongAuroc({ scores, positive, subjects: names(40000) });
  close(value, auroc(rank(scores, positive)), 1e-12, "AUROC");
});
