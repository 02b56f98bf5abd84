import { test } from "node:test";
import assert from "node:assert/strict";
import {
  holm,
  metricIndex,
  PredictionsError,
  RangeOfParameterError,
  scoreAll,
  Scorer,
  seededRandom,
  ShapeError,
} from "@slicestack/stats";
import type { Predictions } from "../../../src/evaluate/predictions.js";
import { analyseSubgroups } from "../../../src/evaluate/subgroups/analysis.js";
import { categoricalColumn, numericColumn, subgroupColumn } from "../../../src/evaluate/subgroups/columns.js";
import { membershipTest } from "../../../src/evaluate/subgroups/membership.js";
import { close, fixture, simulate } from "../fixture.js";

interface Membership {
  labels: number[];
  probabilities: number[][];
  group: number[];
  difference: [number, number];
  p: [number, number];
}

const options = { classes: ["a", "b"], seed: 3, resamples: 300 };

test("membership test equals all 700 ways to choose the group, metrics by scikit-learn (fixtures/evaluate/subgroups.py)", () => {
  const c = fixture<{ membership: Membership }>("subgroups").membership;
  const scorer = new Scorer(c, 2, 1);
  const [inside, outside] = [new Float64Array(scorer.count), new Float64Array(scorer.count)];
  const differences = (groupOf: Int32Array, out: Float64Array) => {
    scorer.score(Float64Array.from(groupOf), inside);
    scorer.score(
      Float64Array.from(groupOf, (g) => 1 - g),
      outside,
    );
    (["accuracy", "auroc"] as const).forEach((name, k) => {
      out[k] = inside[metricIndex(name)]! - outside[metricIndex(name)]!;
    });
  };
  const groupOf = Int32Array.from(c.group);
  const observed = new Float64Array(2);
  differences(groupOf, observed);
  c.difference.forEach((value, k) => close(observed[k]!, value, 1e-12, "difference"));
  const p = membershipTest(
    differences,
    2,
    { labels: c.labels, subjects: c.labels.map((_, i) => `s${i}`), groupOf },
    { permutations: 20000, random: seededRandom(5) },
  );
  c.p.forEach((value, k) => close(p[k]!, value, 0.015, "p, within Monte-Carlo error"));
});

test("each group has the metrics of its rows, and its difference to the rest", () => {
  const predictions = simulate({ model: "m", seed: 1, counts: [30, 30], signal: 1 });
  const site = predictions.ids.map((_, i) => ["north", "south", "west"][i % 3]!);
  const found = analyseSubgroups(
    predictions,
    categoricalColumn("site", site),
    ["accuracy", "auroc"],
    options,
  );
  assert.deepEqual(
    found.groups.map(({ name, volumes, subjects, small, classes }) => [
      name,
      volumes,
      subjects,
      small,
      classes,
    ]),
    ["north", "south", "west"].map((name) => [name, 20, 20, false, [10, 10]]),
  );
  found.groups.forEach((group, g) => {
    const rows = (inside: boolean) => [...site.keys()].filter((i) => (i % 3 === g) === inside);
    const score = (of: number[]) =>
      scoreAll(
        {
          labels: of.map((i) => predictions.labels[i]!),
          probabilities: of.map((i) => predictions.probabilities[i]!),
        },
        2,
        1,
      );
    for (const name of ["accuracy", "auroc"] as const) {
      const { estimate, difference, p, adjusted } = group.metrics[name]!;
      close(estimate.value, score(rows(true))[name], 1e-12, name);
      close(
        difference.value,
        score(rows(true))[name] - score(rows(false))[name],
        1e-12,
        `${name}: difference`,
      );
      assert.ok(difference.interval.low < difference.value && difference.value < difference.interval.high);
      assert.ok(p > 0 && p <= 1 && adjusted >= p);
    }
    assert.equal(group.metrics.accuracy!.estimate.interval.method, "wilson");
  });
  for (const name of ["accuracy", "auroc"] as const)
    assert.deepEqual(
      found.groups.map(({ metrics }) => metrics[name]!.adjusted),
      holm(found.groups.map(({ metrics }) => metrics[name]!.p)),
    );
});

/** As good as `simulate` makes it in one group, worthless in the other. */
function unfair(counts: [number, number]): { predictions: Predictions; groups: string[] } {
  const predictions = simulate({ model: "m", seed: 2, counts, signal: 2.5 });
  const groups = predictions.ids.map((_, i) => (i % 2 === 0 ? "served" : "failed"));
  const probabilities = predictions.probabilities.map((row, i) =>
    groups[i] === "failed" && i % 4 === 1 ? [row[1]!, row[0]!] : row,
  );
  return { predictions: { ...predictions, probabilities }, groups };
}

test("a group that the model fails is found; two groups are one comparison and are not adjusted", () => {
  const { predictions, groups } = unfair([60, 60]);
  const found = analyseSubgroups(predictions, categoricalColumn("sex", groups), ["accuracy"], options);
  const [failed, served] = found.groups.map(({ metrics }) => metrics.accuracy!);
  assert.ok(failed!.p < 0.01 && failed!.difference.interval.high < 0);
  close(failed!.difference.value, -served!.difference.value, 1e-12, "seen from both sides");
  assert.equal(failed!.p, served!.p);
  assert.deepEqual([failed!.adjusted, served!.adjusted], [failed!.p, served!.p]);
});

test("another case mix alone is no difference: recall 0.9 and 0.5 everywhere, groups of 80 % and 20 % class 1 (by hand)", () => {
  const [labels, groups, right]: [number[], string[], boolean[]] = [[], [], []];
  const add = (group: string, label: number, count: number, hits: number) => {
    for (let k = 0; k < count; k++) {
      labels.push(label);
      groups.push(group);
      right.push(k < hits);
    }
  };
  add("mild", 0, 40, 36);
  add("mild", 1, 10, 5);
  add("severe", 0, 10, 9);
  add("severe", 1, 40, 20);
  const ids = labels.map((_, i) => `v${i}`);
  const probabilities = labels.map((label, i) =>
    (right[i] ? label : 1 - label) === 1 ? [0.2, 0.8] : [0.8, 0.2],
  );
  const predictions: Predictions = { model: "m", part: "test", ids, subjects: ids, labels, probabilities };
  const { groups: found } = analyseSubgroups(
    predictions,
    categoricalColumn("severity", groups),
    ["accuracy"],
    options,
  );
  close(found[0]!.metrics.accuracy!.difference.value, 0.82 - 0.58, 1e-12, "plain difference");
  assert.equal(found[0]!.metrics.accuracy!.p, 1);
});

test("a small group is marked, a group of one class has no AUROC, a lone group no rest (by hand)", () => {
  const predictions = simulate({ model: "m", seed: 1, counts: [12, 12], signal: 1 });
  const column = categoricalColumn(
    "scanner",
    predictions.labels.map((label, i) => (label === 0 && i < 4 ? "old" : "new")),
  );
  const found = analyseSubgroups(predictions, column, ["accuracy", "auroc"], options);
  const old = found.groups[1]!;
  assert.deepEqual([old.name, old.small, old.classes], ["old", true, [4, 0]]);
  assert.ok(Number.isNaN(old.metrics.auroc!.estimate.value) && Number.isNaN(old.metrics.auroc!.p));
  assert.match(found.notes.join(), /Fewer than 10 subjects in old \(n = 4\)/);
  const alone = analyseSubgroups(
    predictions,
    categoricalColumn(
      "site",
      predictions.ids.map(() => "only"),
    ),
    ["accuracy", "matthews"],
    options,
  );
  for (const name of ["accuracy", "matthews"] as const) {
    const { estimate, difference, p } = alone.groups[0]!.metrics[name]!;
    assert.ok(Number.isFinite(estimate.value) && Number.isNaN(difference.value) && Number.isNaN(p), name);
  }
});

test("several volumes a subject: groups of whole subjects are tested, groups within subjects are not, and say so", () => {
  const predictions = simulate({ model: "m", seed: 4, counts: [12, 12], signal: 1, volumesEach: 2 });
  const bySubject = categoricalColumn(
    "sex",
    predictions.subjects.map((subject) => (Number(subject.at(-1)) % 2 === 0 ? "f" : "m")),
  );
  const whole = analyseSubgroups(predictions, bySubject, ["accuracy"], options);
  assert.ok(whole.groups[0]!.metrics.accuracy!.p > 0);
  assert.equal(whole.groups[0]!.metrics.accuracy!.estimate.interval.method, "wilson, clustered");
  const byVolume = categoricalColumn(
    "visit",
    predictions.ids.map((id) => (id.endsWith("-0") ? "first" : "second")),
  );
  const within = analyseSubgroups(predictions, byVolume, ["accuracy"], options);
  assert.ok(Number.isNaN(within.groups[0]!.metrics.accuracy!.p));
  assert.match(within.notes.join(), /volumes in several groups/);
  assert.equal(within.groups[0]!.metrics.accuracy!.difference.interval.method, "newcombe");
});

test("a column of text: categories, few numbers as categories, many cut into thirds, blanks apart (by hand)", () => {
  const sex = subgroupColumn("sex", ["f", "m", " ", "f"]);
  assert.deepEqual(
    [sex.groups, [...sex.groupOf]],
    [
      ["f", "m", "missing"],
      [0, 1, 2, 0],
    ],
  );
  const grade = subgroupColumn("grade", ["10", "2", "2", "1"]);
  assert.deepEqual([grade.groups, grade.rule], [["1", "2", "10"], "each value is a group"]);
  const age = subgroupColumn("age", ["30", "35", "40", "50", "55", "60", "70", "75", "80", ""]);
  assert.deepEqual([...age.groupOf], [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]);
  assert.equal(age.groups.length, 4);
  assert.match(age.rule, /3 groups of about equal size, cut at/);
  const cut = subgroupColumn("age", ["49.9", "50", "65", "80"], { edges: [50, 65] });
  assert.deepEqual(
    [cut.groups, [...cut.groupOf]],
    [
      ["< 50", "50–65", "≥ 65"],
      [0, 1, 2, 2],
    ],
  );
  assert.equal(cut.rule, "cut at 50, 65, each without its upper bound");
  const ages = subgroupColumn("age", [
    "31.7",
    "38.2",
    "45.9",
    "46.4",
    "55.1",
    "63.2",
    "64.9",
    "70.3",
    "80.6",
  ]);
  assert.deepEqual(ages.groups, ["< 46", "46–64", "≥ 64"], "bounds that people can say");
  assert.deepEqual([...ages.groupOf], [0, 0, 0, 1, 1, 1, 2, 2, 2]);
});

test("one word for a missing value among 30 ages leaves the ages numbers, cut into thirds", () => {
  const ages = Array.from({ length: 30 }, (_, i) => String(40 + i));
  for (const word of ["", "NA", "unknown", "n/a", "?", "-"]) {
    const { groups, groupOf } = subgroupColumn("age", [...ages, word]);
    assert.equal(groups.length, 4, word);
    assert.equal(groups[groupOf[30]!], "missing");
  }
});

test("numbers that are alike make one group, ties fewer groups; what cannot be cut is refused", () => {
  assert.deepEqual(numericColumn("z", [5, 5, 5], { quantiles: 3 }).groups, ["all"]);
  const tied = numericColumn("z", [1, 1, 1, 1, 1, 1, 2, 3], { quantiles: 4 });
  assert.deepEqual([...tied.groupOf], [0, 0, 0, 0, 0, 0, 1, 1]);
  const refused = (make: () => unknown) => assert.throws(make, RangeOfParameterError);
  refused(() =>
    subgroupColumn(
      "id",
      Array.from({ length: 30 }, (_, i) => `s${i}`),
    ),
  );
  refused(() => subgroupColumn("sex", ["f", "m"], { edges: [1] }));
  refused(() => numericColumn("age", [1, Number.NaN], { quantiles: 2 }));
  refused(() => numericColumn("age", [1, 2], { edges: [2, 1] }));
  refused(() => numericColumn("age", [1, 2], { quantiles: 1 }));
  assert.throws(() => categoricalColumn("sex", []), ShapeError);
});

test("a column of other rows and broken predictions are refused", () => {
  const predictions = simulate({ model: "m", seed: 1, counts: [4, 4], signal: 1 });
  assert.throws(
    () => analyseSubgroups(predictions, categoricalColumn("sex", ["f"]), ["accuracy"], options),
    ShapeError,
  );
  const twice = { ...predictions, ids: predictions.ids.map(() => "v") };
  const column = categoricalColumn(
    "sex",
    predictions.ids.map(() => "f"),
  );
  assert.throws(() => analyseSubgroups(twice, column, ["accuracy"], options), PredictionsError);
});
