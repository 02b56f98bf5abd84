import assert from "node:assert/strict";
import { test } from "node:test";
import { compareModels } from "../../../src/evaluate/compare/models.js";
import { compareRepeated } from "../../../src/evaluate/compare/repeated.js";
import type { Predictions } from "../../../src/evaluate/predictions.js";
import { simulate } from "../fixture.js";

const labels = [0, 0, 0, 1, 1, 1];
const settings = { classes: ["no", "yes"], seed: 1, resamples: 400 };

function predictions(scores: readonly number[], model = "m"): Predictions {
  const ids = scores.map((_, i) => `v${i}`);
  return {
    model,
    part: "test",
    ids,
    subjects: ids,
    labels: labels.slice(0, scores.length),
    probabilities: scores.map((p) => [1 - p, p]),
  };
}

const perfect = predictions([0.1, 0.2, 0.3, 0.7, 0.8, 0.9]);
const oneWrong = predictions([0.1, 0.2, 0.75, 0.7, 0.8, 0.9]); // 5 of 6 right; 8 of 9 pairs in order
const reversed = predictions([0.9, 0.8, 0.7, 0.3, 0.2, 0.1]);

test("means and spread over seeds, and the score of the seeds' mean, by hand", () => {
  const { methods, volumes, subjects } = compareRepeated(
    [{ name: "a", seeds: [perfect, oneWrong] }],
    ["accuracy", "auroc"],
    settings,
  );
  assert.deepEqual([volumes, subjects, methods[0]!.seeds], [6, 6, 2]);
  const { accuracy, auroc } = methods[0]!.metrics;
  assert.deepEqual(accuracy!.values, [1, 5 / 6]);
  assert.ok(Math.abs(accuracy!.mean.value - 11 / 12) < 1e-12);
  assert.ok(Math.abs(accuracy!.sd - 1 / 6 / Math.SQRT2) < 1e-12, "n - 1");
  assert.deepEqual(auroc!.values, [1, 8 / 9]);
  // Mean of the third score: 0.525, above one half and below 0.7.
  assert.ok(Math.abs(methods[0]!.ensemble.accuracy! - 5 / 6) < 1e-12);
  assert.equal(methods[0]!.ensemble.auroc, 1);
});

test("with one seed each it is the paired bootstrap of two models", () => {
  const [first, second] = [
    { ...oneWrong, model: "a" },
    { ...reversed, model: "b" },
  ];
  const repeated = compareRepeated(
    [
      { name: "a", seeds: [first] },
      { name: "b", seeds: [second] },
    ],
    ["accuracy", "auroc"],
    settings,
  );
  const plain = compareModels(first, second, settings);
  const [difference] = repeated.differences;
  assert.deepEqual([difference!.first, difference!.second], ["a", "b"]);
  for (const name of ["accuracy", "auroc"] as const) {
    assert.deepEqual(difference!.metrics[name]!.difference, plain.metrics[name]);
    assert.equal(difference!.metrics[name]!.p, plain.p[name]);
  }
  assert.ok(Number.isNaN(repeated.methods[0]!.metrics.accuracy!.sd));
});

test("p is adjusted by Holm over the differences of a metric, and small classes are warned of (by hand)", () => {
  const named = (model: string, signal: number, seed: number) => {
    return { name: model, seeds: [simulate({ model, seed, counts: [20, 8], signal })] };
  };
  const methods = [named("a", 1.5, 1), named("b", 1, 2), named("c", 0, 3)];
  const { differences, warnings } = compareRepeated(methods, ["accuracy"], settings);
  const [b, c] = differences.map(({ metrics }) => metrics.accuracy!);
  const [low, high] = b!.p < c!.p ? [b!, c!] : [c!, b!];
  assert.ok(Math.abs(low.adjusted - Math.min(1, 2 * low.p)) < 1e-12, "the smaller one twice");
  assert.ok(Math.abs(high.adjusted - Math.max(low.adjusted, high.p)) < 1e-12, "the larger one as it is");
  assert.ok(
    warnings.some((text) => text.includes("test subjects of yes (n = 8)")),
    warnings.join("\n"),
  );
});

test("the same method twice differs by nothing, whatever the order of its volumes", () => {
  const order = [3, 1, 5, 0, 2, 4];
  const pick = <T>(values: readonly T[]): T[] => order.map((i) => values[i]!);
  const shuffled = {
    ...oneWrong,
    ids: pick(oneWrong.ids),
    subjects: pick(oneWrong.subjects),
    labels: pick(oneWrong.labels),
    probabilities: pick(oneWrong.probabilities),
  };
  const { differences } = compareRepeated(
    [
      { name: "a", seeds: [perfect, oneWrong] },
      { name: "b", seeds: [shuffled, perfect] },
    ],
    ["auroc"],
    { ...settings, reference: "b" },
  );
  assert.equal(differences[0]!.second, "a");
  assert.equal(differences[0]!.metrics.auroc!.difference.value, 0);
  const { low, high } = differences[0]!.metrics.auroc!.difference.interval;
  assert.ok(
    [low, high].every((bound) => bound === 0 || Number.isNaN(bound)),
    "no spread, no interval",
  );
});

test("nothing to compare, an unknown reference and other volumes are refused", () => {
  assert.throws(() => compareRepeated([], ["auroc"], settings), /at least one/);
  assert.throws(() => compareRepeated([{ name: "a", seeds: [] }], ["auroc"], settings), /at least one seed/);
  const method = { name: "a", seeds: [perfect] };
  assert.throws(
    () => compareRepeated([method], ["auroc"], { ...settings, reference: "z" }),
    /no method is named z/,
  );
  const other = { ...perfect, model: "o", ids: perfect.ids.map((id) => `${id}x`) };
  assert.throws(
    () => compareRepeated([method, { name: "b", seeds: [other] }], ["auroc"], settings),
    /was not predicted/,
  );
});
