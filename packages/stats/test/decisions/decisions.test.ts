import { test } from "node:test";
import assert from "node:assert/strict";
import { sortConfidences } from "../../src/calibration/reliability.js";
import { decisionCurve } from "../../src/decisions/net-benefit.js";
import {
  areaUnderRiskCoverage,
  bestAreaUnderRiskCoverage,
  riskAt,
  riskCoverage,
} from "../../src/decisions/selective.js";
import { DecisionThreshold, type ThresholdRule } from "../../src/decisions/threshold.js";
import { PredictionsError, ProbabilityError, RangeOfParameterError, ShapeError } from "../../src/errors.js";
import type { PartScored } from "../../src/metrics/check.js";
import { binaryRates, confusionMatrix, f1 } from "../../src/metrics/confusion.js";
import { close, fixture, simulate } from "../fixture.js";

interface Scores {
  labels: number[];
  probabilities: number[][];
  subjects: string[];
}
interface Reference {
  riskCoverage: (Scores & { coverage: number[]; risk: number[]; confidence: number[] })[];
  netBenefit: (Scores & { thresholds: number[]; model: number[]; treatAll: number[] })[];
  thresholds: (Scores & {
    name: string;
    youden: number;
    f1: number;
    specificityAt90: number;
    sensitivityAt90: number;
    cost: number;
  })[];
}

const reference = fixture<Reference>("decisions");
const rows = (ps: readonly number[]) => ps.map((p) => [1 - p, p]);

test("risk-coverage curve equals counting at every confidence, with ties (fixtures/evaluate/decisions.py)", () => {
  for (const c of reference.riskCoverage) {
    const curve = riskCoverage(c.labels, c.probabilities);
    assert.equal(curve.coverage.length, c.coverage.length);
    for (const key of ["coverage", "risk", "confidence"] as const)
      c[key].forEach((value, k) => close(curve[key][k]!, value, 1e-12, `${key} ${k}`));
    const sorted = sortConfidences(c.labels, c.probabilities);
    c.coverage.forEach((coverage, k) =>
      close(riskAt(sorted, coverage), c.risk[k]!, 1e-9, `risk at ${coverage}`),
    );
  }
});

test("area under the risk-coverage curve: right, wrong, right, wrong from the most confident down (by hand)", () => {
  const sorted = sortConfidences(
    [0, 1, 0, 1],
    [
      [0.9, 0.1],
      [0.8, 0.2],
      [0.7, 0.3],
      [0.6, 0.4],
    ],
  );
  close(areaUnderRiskCoverage(sorted), (0 + 1 / 2 + 1 / 3 + 2 / 4) / 4, 1e-12, "area");
  close(bestAreaUnderRiskCoverage(2, 4), (0 + 0 + 1 / 3 + 2 / 4) / 4, 1e-12, "errors last");
  const perfect = sortConfidences(
    [0, 0],
    [
      [0.9, 0.1],
      [0.8, 0.2],
    ],
  );
  assert.equal(areaUnderRiskCoverage(perfect), 0);
  const wrong = sortConfidences(
    [1, 1],
    [
      [0.9, 0.1],
      [0.8, 0.2],
    ],
  );
  close(areaUnderRiskCoverage(wrong), 1, 1e-15, "all wrong");
  assert.equal(bestAreaUnderRiskCoverage(0, 5), 0);
  close(bestAreaUnderRiskCoverage(5, 5), 1, 1e-15, "all wrong, at best");
});

test("a constant model has its error rate as area and as risk at any coverage (by hand)", () => {
  const sorted = sortConfidences([0, 0, 0, 1], rows([0.3, 0.3, 0.3, 0.3]));
  close(areaUnderRiskCoverage(sorted), 0.25, 1e-12, "area");
  for (const coverage of [0.1, 0.5, 1]) close(riskAt(sorted, coverage), 0.25, 1e-12, `risk at ${coverage}`);
  assert.throws(() => riskAt(sorted, 0), RangeOfParameterError);
  assert.throws(() => riskCoverage([0], [[Number.NaN, 1]]), ProbabilityError);
});

test("net benefit equals the formula on scikit-learn's confusion matrices, with ties (fixtures/evaluate/decisions.py)", () => {
  for (const c of reference.netBenefit) {
    const curve = decisionCurve(c, { seed: 1, thresholds: c.thresholds, resamples: 200 });
    c.thresholds.forEach((t, k) => {
      close(curve.model[k]!.value, c.model[k]!, 1e-12, `model at ${t}`);
      close(curve.treatAll[k]!, c.treatAll[k]!, 1e-12, `all at ${t}`);
      assert.equal(curve.treatNone[k], 0);
      close(curve.gain[k]!.value, c.model[k]! - Math.max(0, c.treatAll[k]!), 1e-12, `gain at ${t}`);
      const { low, high } = curve.model[k]!.interval;
      assert.ok(low <= c.model[k]! && c.model[k]! <= high);
    });
  }
});

test("net benefit: a perfect model has the prevalence at every threshold; one that calls every volume positive is treat-all (by hand)", () => {
  const labels = [1, 0, 0, 0];
  const subjects = ["a", "b", "c", "d"];
  const thresholds = [0.9, 0.1];
  const perfect = decisionCurve(
    { labels, probabilities: rows([1, 0, 0, 0]), subjects },
    { seed: 1, thresholds, resamples: 20 },
  );
  assert.deepEqual(
    perfect.model.map(({ value }) => value),
    [0.25, 0.25],
  );
  assert.deepEqual(perfect.threshold, thresholds, "in the order that was asked for");
  const yes = decisionCurve(
    { labels, probabilities: rows([1, 1, 1, 1]), subjects },
    { seed: 1, thresholds, resamples: 20 },
  );
  yes.treatAll.forEach((value, k) => close(yes.model[k]!.value, value, 1e-12, "all"));
  close(yes.treatAll[1]!, 0.25 - (0.75 * 0.1) / 0.9, 1e-12, "all at 0.1");
  const three = { labels: [0], probabilities: [[0.2, 0.3, 0.5]], subjects: ["a"] };
  assert.throws(() => decisionCurve(three, { seed: 1 }), ShapeError);
  assert.throws(
    () =>
      decisionCurve({ labels, probabilities: rows([1, 0, 0, 0]), subjects }, { seed: 1, thresholds: [1] }),
    RangeOfParameterError,
  );
});

for (const c of reference.thresholds)
  test(`each threshold rule reaches the best that scikit-learn finds over all cuts: ${c.name} (fixtures/evaluate/decisions.py)`, () => {
    const val: PartScored = { part: "val", ...c };
    const at = (rule: ThresholdRule) => {
      const frozen = DecisionThreshold.fit(val, rule);
      const confusion = confusionMatrix(c.labels, frozen.apply(c.probabilities), 2);
      const { sensitivity, specificity } = binaryRates(confusion);
      close(frozen.toJSON().onVal.sensitivity, sensitivity, 1e-12, "sensitivity on val");
      close(frozen.toJSON().onVal.specificity, specificity, 1e-12, "specificity on val");
      return { sensitivity, specificity, confusion };
    };
    const youden = at({ kind: "youden" });
    close(youden.sensitivity + youden.specificity - 1, c.youden, 1e-12, "Youden");
    close(f1(at({ kind: "f1" }).confusion, 1), c.f1, 1e-12, "F1");
    const sensitive = at({ kind: "sensitivity", atLeast: 0.9 });
    close(sensitive.specificity, c.specificityAt90, 1e-12, "specificity at 90 % sensitivity");
    assert.ok(sensitive.sensitivity >= 0.9);
    close(
      at({ kind: "specificity", atLeast: 0.9 }).sensitivity,
      c.sensitivityAt90,
      1e-12,
      "sensitivity at 90 % specificity",
    );
    const { confusion } = at({ kind: "cost", miss: 5, falseAlarm: 1 });
    close(5 * confusion.counts[2]! + confusion.counts[1]!, c.cost, 1e-12, "cost");
  });

test("the middle of equally good thresholds is taken, halfway between probabilities (by hand)", () => {
  const val: PartScored = {
    part: "val",
    labels: [0, 0, 1, 1],
    probabilities: rows([0.1, 0.2, 0.7, 0.9]),
    subjects: ["a", "b", "c", "d"],
  };
  const frozen = DecisionThreshold.fit(val, { kind: "youden" });
  close(frozen.toJSON().threshold, 0.45, 1e-12, "between 0.2 and 0.7");
  assert.deepEqual(frozen.apply(rows([0.44, 0.46])), [0, 1]);
  assert.deepEqual(frozen.toJSON().onVal, { positives: 2, negatives: 2, sensitivity: 1, specificity: 1 });
  assert.throws(() => Object.assign(frozen.toJSON(), { threshold: 0.1 }), TypeError, "it is frozen");
  const all = DecisionThreshold.fit(val, { kind: "cost", miss: 1, falseAlarm: 1e-9 });
  assert.deepEqual(
    all.apply(val.probabilities),
    [0, 0, 1, 1],
    "a miss is expensive, but a false alarm has a cost, too",
  );
});

test("a constant model: everybody or nobody, by the rule (by hand)", () => {
  const val: PartScored = {
    part: "val",
    labels: [0, 1, 1],
    probabilities: rows([0.5, 0.5, 0.5]),
    subjects: ["a", "b", "c"],
  };
  const everybody = DecisionThreshold.fit(val, { kind: "sensitivity", atLeast: 0.8 });
  assert.deepEqual(everybody.apply(val.probabilities), [1, 1, 1]);
  const nobody = DecisionThreshold.fit(val, { kind: "specificity", atLeast: 0.8 });
  assert.deepEqual(nobody.apply(val.probabilities), [0, 0, 0]);
  assert.deepEqual(
    JSON.parse(JSON.stringify(nobody)),
    nobody.toJSON(),
    "a threshold above all probabilities survives a file, too",
  );
});

test("a threshold is chosen on val alone, of two classes that both occur; wrong rules are refused", () => {
  const { labels, probabilities, subjects } = simulate({ model: "m", seed: 1, counts: [5, 5], signal: 1 });
  const val: PartScored = { part: "val", labels, probabilities, subjects };
  assert.throws(() => DecisionThreshold.fit({ ...val, part: "test" }, { kind: "youden" }), PredictionsError);
  assert.throws(
    () => DecisionThreshold.fit({ ...val, labels: labels.map(() => 1) }, { kind: "youden" }),
    ShapeError,
  );
  assert.throws(() => DecisionThreshold.fit(val, { kind: "sensitivity", atLeast: 0 }), RangeOfParameterError);
  assert.throws(
    () => DecisionThreshold.fit(val, { kind: "cost", miss: -1, falseAlarm: 1 }),
    RangeOfParameterError,
  );
  assert.throws(() => DecisionThreshold.fit(val, { kind: "f1" }).apply([[Number.NaN, 1]]), ProbabilityError);
});
