/** What members say together: by hand, on a few volumes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type MetricName, METRICS, metricSpread, PredictionsError } from "@slicestack/stats";
import { combinationOf, ensembleOf } from "../../src/evaluate/group/ensemble.js";
import type { Predictions } from "../../src/evaluate/predictions.js";
import { combinationText, membersTable, type MembersInput } from "../../src/report/group-members.js";
import { renderGroupReport } from "../../src/report/group-page.js";
import { exampleReport } from "../report/report-example.js";

/** Volume "a" of subject "A" and label 0, "b" of "B" and 1 …, with the probability of class 1. */
function said(part: "val" | "test", p: Record<string, number>, model = "2.5d"): Predictions {
  const ids = Object.keys(p);
  return {
    model,
    part,
    ids,
    subjects: ids.map((id) => id.toUpperCase()),
    labels: ids.map((id) => (id.charCodeAt(0) - 97) % 2),
    probabilities: ids.map((id) => [1 - p[id]!, p[id]!]),
  };
}
const ofClass1 = ({ ids, probabilities }: Predictions) =>
  Object.fromEntries(ids.map((id, k) => [id, probabilities[k]![1]]));

test("seeds of one split: each volume's probabilities are the mean over the members, whatever their order", () => {
  const members = [[said("test", { a: 0.25, b: 0.5 })], [said("test", { b: 1, a: 0.75 })]];
  const [ensemble] = ensembleOf(members);
  assert.deepEqual(ensemble, said("test", { a: 0.5, b: 0.75 }));
  assert.deepEqual(combinationOf(members, "test"), { kind: "mean", membersPerVolume: 2 });
});

test("folds: each volume once, as the fold said that had it in its test part", () => {
  const members = [
    [said("test", { a: 0.1, b: 0.2 }), said("val", { c: 0.5, d: 0.5 })],
    [said("test", { c: 0.3, d: 0.4 }), said("val", { e: 0.5, f: 0.5 })],
    [said("test", { e: 0.5, f: 0.6 }), said("val", { a: 0.5, b: 0.5 })],
  ];
  const [ofTest, ofVal] = ensembleOf(members);
  assert.deepEqual(ofClass1(ofTest!), { a: 0.1, b: 0.2, c: 0.3, d: 0.4, e: 0.5, f: 0.6 });
  assert.deepEqual([...ofVal!.ids].sort(), ["a", "b", "c", "d", "e", "f"]);
  assert.deepEqual(combinationOf(members, "test"), { kind: "out-of-fold", membersPerVolume: 1 });
});

test("folds x seeds, repeats: the mean of those that had the volume; folds that share a test part: their ensemble on it", () => {
  const members = [
    [said("val", { a: 0, b: 0.5 }), said("test", { x: 0 })],
    [said("val", { a: 0.5, b: 1 }), said("test", { x: 0.25 })],
    [said("val", { c: 0.25, d: 0.25 }), said("test", { x: 0.5 })],
    [said("val", { c: 0.75, d: 0.25 }), said("test", { x: 0.25 })],
  ];
  const [val, shared] = ensembleOf(members);
  assert.deepEqual(ofClass1(val!), { a: 0.25, b: 0.75, c: 0.5, d: 0.25 });
  assert.deepEqual(ofClass1(shared!), { x: 0.25 });
  assert.deepEqual(combinationOf(members, "val"), { kind: "out-of-fold", membersPerVolume: 2 });
  assert.deepEqual(combinationOf(members, "test"), { kind: "mean", membersPerVolume: 4 });
});

test("members that contradict each other, lack a model, or are not of one cross-validation are refused by name", () => {
  const refused = (members: Predictions[][], message: RegExp) =>
    assert.throws(
      () => ensembleOf(members),
      (error) => error instanceof PredictionsError && message.test(error.message),
    );
  const first = said("test", { a: 0.5, b: 0.5 });
  refused(
    [[first], [{ ...first, labels: [1, 1] }]],
    /2\.5d test: members give volume a different subjects or labels/,
  );
  refused([[first], [{ ...first, subjects: ["Z", "B"] }]], /volume a different subjects/);
  refused(
    [[first], [said("test", { a: 0.5, b: 0.5 }, "3d")]],
    /a member has no predictions of 2\.5d on test/,
  );
  refused(
    [[first], [said("test", { b: 0.5, c: 0.5 })]],
    /some volumes have 1 predictions, others 2: members are missing/,
  );
});

/** Members whose accuracies are `values`; all else as in the example. */
async function membersOf(values: readonly number[]): Promise<MembersInput> {
  const { models } = await exampleReport("binary");
  const summary = models.at(-1)!;
  const rows = values.map((value, k) => {
    const accuracy = { ...summary.metrics.accuracy, value };
    return { name: `fold${k}`, summary: { ...summary, metrics: { ...summary.metrics, accuracy } } };
  });
  const numbers = rows.map(
    ({ summary: { metrics } }) =>
      Object.fromEntries(METRICS.map((name) => [name, metrics[name].value])) as Record<MetricName, number>,
  );
  return {
    words: `${values.length} folds`,
    combination: { kind: "out-of-fold", membersPerVolume: 1 },
    rows,
    spread: metricSpread(numbers),
  };
}

test("the report and the terminal show each member, mean and SD, and what the numbers are of", async () => {
  const members = await membersOf([0.5, 0.75, 1]);
  const { ledger, ...example } = await exampleReport("binary");
  const report = renderGroupReport({ ...example, members, testReads: ledger.count });
  const section =
    /<section[^>]*id="members"[^]*?<\/section>/.exec(report)?.[0] ??
    report.slice(report.indexOf('id="members"'), report.indexOf('id="data"'));
  for (const text of ["fold0", "fold2", "SD"]) assert.ok(section.includes(text), text);
  for (const text of ["3 folds", "out-of-fold"]) assert.ok(report.includes(text), text);
  assert.match(section, /<th scope="row">mean<\/th><td[^>]*>0\.75</);
  assert.match(section, /<th scope="row">SD<\/th><td[^>]*>0\.25</);
  assert.ok(report.includes("No subject is in two parts of a split."));
  assert.match(report, /<h3>All pairs<\/h3>/);
  assert.match(report, /<h2 id="ranking">[^]*ROC curves[^]*Precision-recall curves/);
  assert.match(report, /rank those of all folds together: models of two folds may have different scales/);
  const lines = membersTable(members).split("\n");
  assert.match(lines.find((line) => line.startsWith("fold1")) ?? "", /^fold1 +0\.75 \[/);
  assert.match(lines.find((line) => line.startsWith("mean")) ?? "", /^mean +0\.75 /);
  assert.match(lines.find((line) => line.startsWith("SD")) ?? "", /^SD +0\.25 /);
  assert.match(
    combinationText({ ...members, combination: { kind: "mean", membersPerVolume: 3 } }),
    /the mean over the 3 members/,
  );
});
