import { test } from "node:test";
import assert from "node:assert/strict";
import { ClusteredSubjectsError, RangeOfParameterError, ShapeError } from "../../src/errors.js";
import { METRICS } from "../../src/metrics/scorer.js";
import {
  groupSubjects,
  pairedDifference,
  resampleSubjects,
  sampledOf,
  seededRandom,
} from "../../src/intervals/bootstrap.js";
import { holm } from "../../src/comparisons/holm.js";
import { mcNemar } from "../../src/comparisons/mcnemar.js";
import { swapTest } from "../../src/comparisons/permutation.js";
import { correctedResampledTTest, metricSpread, runSpread } from "../../src/comparisons/spread-over-runs.js";
import { close, fixture } from "../fixture.js";

interface Reference {
  mcnemar: { cells: [number, number, number, number]; p: number; midP: number }[];
  holm: { p: number[]; adjusted: number[] }[];
  correctedT: {
    differences: number[];
    train: number;
    test: number;
    t: number;
    p: number;
    low: number;
    high: number;
  }[];
}

const reference = fixture<Reference>("compare");
const names = (n: number) => Array.from({ length: n }, (_, i) => `s${i}`);

function rightness([both, first, second, neither]: readonly number[]): [boolean[], boolean[]] {
  const rows = [
    ...new Array<[boolean, boolean]>(both!).fill([true, true]),
    ...new Array<[boolean, boolean]>(first!).fill([true, false]),
    ...new Array<[boolean, boolean]>(second!).fill([false, true]),
    ...new Array<[boolean, boolean]>(neither!).fill([false, false]),
  ];
  return [rows.map(([a]) => a), rows.map(([, b]) => b)];
}

test("exact McNemar equals statsmodels', its mid-p scipy's binomial (fixtures/evaluate/compare.py)", () => {
  for (const { cells, p, midP } of reference.mcnemar) {
    const [first, second] = rightness(cells);
    const found = mcNemar(first, second, names(first.length));
    close(found.p, p, 1e-10, `p of ${cells.join()}`);
    close(found.midP, midP, 1e-10, `mid-p of ${cells.join()}`);
    assert.deepEqual([found.onlyFirst, found.onlySecond], [cells[1], cells[2]]);
    close(found.difference, (cells[1] - cells[2]) / first.length, 1e-15, "difference");
  }
});

test("McNemar: models that never disagree have p = 1; clusters, no volumes and lengths are refused (by hand)", () => {
  const never = mcNemar([true, false], [true, false], ["a", "b"]);
  assert.deepEqual([never.p, never.midP, never.difference], [1, 1, 0]);
  assert.throws(() => mcNemar([true, true], [true, false], ["a", "a"]), ClusteredSubjectsError);
  assert.throws(() => mcNemar([], [], []), ShapeError);
  assert.throws(() => mcNemar([true], [true, false], ["a"]), ShapeError);
});

test("Holm's adjustment equals statsmodels' (fixtures/evaluate/compare.py)", () => {
  for (const { p, adjusted } of reference.holm)
    holm(p).forEach((value, i) => close(value, adjusted[i]!, 1e-12, `${p.join()}: ${i}`));
});

test("Holm: a test that could not be carried out stays NaN and is not counted; values outside 0..1 are refused (by hand)", () => {
  const [a, b, c] = holm([0.02, Number.NaN, 0.03]);
  assert.deepEqual([a, c], [0.04, 0.04]);
  assert.ok(Number.isNaN(b));
  assert.deepEqual(holm([]), []);
  assert.throws(() => holm([1.2]), RangeOfParameterError);
});

test("corrected resampled t-test equals the formula with scipy's t distribution (fixtures/evaluate/compare.py)", () => {
  for (const { differences, train, test: held, t, p, low, high } of reference.correctedT) {
    const found = correctedResampledTTest(differences, { trainSubjects: train, testSubjects: held });
    close(found.t, t, 1e-9, "t");
    close(found.p, p, 1e-9, "p");
    close(found.difference.interval.low, low, 1e-9, "low");
    close(found.difference.interval.high, high, 1e-9, "high");
    assert.equal(found.degreesOfFreedom, differences.length - 1);
  }
});

test("corrected t-test at its edges: no difference p = 1, the same difference in every fold no p (by hand)", () => {
  const sizes = { trainSubjects: 9, testSubjects: 1 };
  assert.equal(correctedResampledTTest([0, 0, 0], sizes).p, 1);
  assert.ok(Number.isNaN(correctedResampledTTest([0.1, 0.1, 0.1], sizes).p));
  assert.throws(() => correctedResampledTTest([0.1], sizes), ShapeError);
  assert.throws(() => correctedResampledTTest([0.1, Number.NaN], sizes), RangeOfParameterError);
  assert.throws(
    () => correctedResampledTTest([0.1, 0.2], { ...sizes, testSubjects: 0 }),
    RangeOfParameterError,
  );
});

test("spread over runs: mean, sample SD, extremes; NaN where a run has no value (by hand)", () => {
  assert.deepEqual(runSpread([1, 2, 3]), { runs: 3, mean: 2, standardDeviation: 1, lowest: 1, highest: 3 });
  const one = runSpread([0.5]);
  assert.equal(one.mean, 0.5);
  assert.ok(Number.isNaN(one.standardDeviation));
  assert.ok(
    Number.isNaN(runSpread([0.5, Number.NaN]).mean) && Number.isNaN(runSpread([0.5, Number.NaN]).highest),
  );
  assert.throws(() => runSpread([]), ShapeError);
  const run = (value: number) =>
    Object.fromEntries(METRICS.map((name) => [name, value])) as Parameters<typeof metricSpread>[0][0];
  assert.equal(metricSpread([run(0.25), run(0.75)]).macroF1.mean, 0.5);
});

test("two statistics that differ by a constant have that difference, without spread, and p = 1 where it is 0 (by hand)", () => {
  const values = [1, 2, 3, 4, 5, 6];
  const groups = groupSubjects(names(6));
  const compare = (shift: number) => {
    const means = (weights: Float64Array, out: Float64Array) => {
      out[0] = values.reduce((sum, x, i) => sum + weights[i]! * (x + shift), 0) / 6;
      out[1] = values.reduce((sum, x, i) => sum + weights[i]! * x, 0) / 6;
    };
    const resampled = resampleSubjects(means, 2, groups, { resamples: 50, random: seededRandom(1) });
    const of = (k: number) => [k, sampledOf(resampled, k, "unbounded")] as const;
    return pairedDifference(resampled, of(0), of(1), 0.95);
  };
  const constant = compare(0.5);
  close(constant.difference.value, 0.5, 1e-12, "difference");
  assert.equal(constant.difference.interval.method, "none");
  assert.ok(Number.isNaN(constant.p));
  assert.equal(compare(0).p, 1);
});

test("swap test: all arrangements are examined where there are few, by hand for three subjects", () => {
  // Differences 3, 2, 1 per subject; the sum with signs: |6|, |4|, |2|, |0|, each twice. Only +6 and -6 reach 6.
  const sum = (swapped: Uint8Array, out: Float64Array) =>
    (out[0] = [3, 2, 1].reduce((total, d, s) => total + (swapped[s] === 1 ? -d : d), 0));
  const exact = swapTest(sum, 1, 3, { random: seededRandom(1) });
  assert.deepEqual(exact, { p: [0.25], arrangements: 8, exact: true });
  const drawn = swapTest(sum, 1, 3, { permutations: 5, random: seededRandom(1) });
  assert.equal(drawn.exact, false);
  assert.equal(drawn.arrangements, 6);
  assert.ok(drawn.p[0]! >= 1 / 6, "p is never 0, because the observed arrangement counts");
  assert.ok(
    Number.isNaN(swapTest((_, out) => (out[0] = Number.NaN), 1, 3, { random: seededRandom(1) }).p[0]),
  );
  assert.throws(
    () => swapTest(sum, 1, 3, { permutations: 0, random: seededRandom(1) }),
    RangeOfParameterError,
  );
});
