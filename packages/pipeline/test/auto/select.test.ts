/** The one-standard-error rule by hand, and the ensemble that is used only where its interval is above zero. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { joint, metricOf, oneStandardError, select, type Validated } from "../../src/auto/select.js";
import { choiceText } from "../../src/auto/result-text.js";
import type { Predictions } from "../../src/evaluate/predictions.js";

test("the simplest within one standard error of the best is chosen: mean, SE and limit computed by hand", () => {
  // 3D: mean 0.86, SD 0.04, SE 0.04 / sqrt(4) = 0.02, so the limit is 0.84.
  const best = { name: "3d" as const, folds: [0.82, 0.84, 0.88, 0.9] };
  const deviations = best.folds.map((score) => (score - 0.86) ** 2);
  const se = Math.sqrt(deviations.reduce((a, b) => a + b) / 3 / 4);
  const rule = (flat: number, ordered: number) =>
    oneStandardError([
      best,
      { name: "2d", folds: [flat, flat, flat, flat] },
      { name: "2.5d", folds: [ordered, ordered, ordered, ordered] },
    ]);
  const first = rule(0.83, 0.85);
  assert.deepEqual(
    first.scores.map(({ name }) => name),
    ["2d", "2.5d", "3d"],
    "the simplest first",
  );
  assert.ok(
    Math.abs(first.scores[2]!.standardError - se) < 1e-12 && Math.abs(first.limit - (0.86 - se)) < 1e-12,
  );
  assert.deepEqual([first.best, first.chosen], ["3d", "2.5d"]);
  assert.equal(rule(0.85, 0.85).chosen, "2d");
  assert.equal(rule(0.7, 0.8).chosen, "3d");
  assert.equal(
    rule(0.7, 0.9).chosen,
    "2.5d",
    "the best itself, though 3D is within reach of nothing simpler",
  );
});

/** Two folds of `count` subjects each; `noise` moves the probability of a subject, by candidate. */
function validated(count: number, noise: Record<string, (k: number) => number>): Validated[] {
  const fold = (name: string, number: number): Predictions => {
    const ks = Array.from({ length: count }, (_, k) => number * count + k);
    return {
      model: name,
      part: "val",
      ids: ks.map((k) => `v${k}`),
      subjects: ks.map((k) => `s${k}`),
      labels: ks.map((k) => k % 2),
      probabilities: ks.map((k) => {
        const p = Math.min(0.99, Math.max(0.01, 0.5 + (k % 2 === 0 ? -0.1 : 0.1) + noise[name]!(k)));
        return [1 - p, p];
      }),
    };
  };
  return Object.keys(noise).map((name) => ({
    name: name as Validated["name"],
    folds: [fold(name, 0), fold(name, 1)],
  }));
}

/** Between -0.5 and 0.5, without a pattern; another sequence for each seed. */
const scattered = (seed: number) => (k: number) =>
  (Math.sin(12.9898 * (k + 1) + 78.233 * seed) * 43758.5453) % 0.5;

test("the mean of all is used where it is better by its interval, and not where they say the same", () => {
  const options = { classes: ["a", "b"], seed: 0, resamples: 500 };
  const apart = validated(200, { "2d": scattered(1), "2.5d": scattered(2), "3d": scattered(3) });
  const mixed = select(apart, "auroc", options);
  assert.equal(mixed.final, "ensemble");
  assert.ok(mixed.ensemble!.difference.low! > 0 && mixed.ensemble!.score > mixed.ensemble!.chosenScore);
  const { score, chosenScore, difference } = mixed.ensemble!;
  assert.ok(Math.abs(score - chosenScore - difference.value) < 1e-12);
  assert.match(choiceText(mixed), /The interval is above zero, so that the mean of all methods is used\.$/);

  const same = select(
    validated(200, { "2d": scattered(1), "2.5d": scattered(1), "3d": scattered(1) }),
    "auroc",
    options,
  );
  assert.deepEqual([same.chosen, same.final], ["2d", "2d"]);
  assert.match(choiceText(same), /It has no interval, so that 2D alone is used\.$/);
});

test("a fold whose models have another scale changes nothing: volumes are compared within their fold", () => {
  const options = { classes: ["a", "b"], seed: 0, resamples: 500 };
  const plain = validated(100, { "2d": scattered(1), "2.5d": scattered(2) });
  // The second fold says a ninth of it: the order within it stays.
  const scaled = plain.map(({ name, folds: [one, other] }) => ({
    name,
    folds: [one!, { ...other!, probabilities: other!.probabilities.map(([, p]) => [1 - p! / 9, p! / 9]) }],
  }));
  const [before, after] = [select(plain, "auroc", options), select(scaled, "auroc", options)];
  assert.ok(Math.abs(before.ensemble!.difference.value - after.ensemble!.difference.value) < 1e-9);
  assert.ok(Math.abs(before.ensemble!.difference.low! - after.ensemble!.difference.low!) < 1e-9);
  const pooled = (of: Validated[]) => metricOf(joint([of[0]!]), "auroc");
  assert.ok(pooled(scaled) < pooled(plain) - 0.02, "joint scores do change");
});

test("the mean is of the probabilities of each volume, over all folds", () => {
  const two = validated(4, { "2d": () => 0, "3d": () => 0.2 });
  const mean = joint(two);
  assert.deepEqual(mean.ids, ["v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7"]);
  assert.deepEqual(
    mean.probabilities.slice(0, 2).map(([, p]) => Number(p!.toFixed(6))),
    [0.5, 0.7],
  );
});

test("with one candidate there is no rule to apply and no ensemble", () => {
  const only = select(validated(40, { "2.5d": scattered(4) }), "auroc", { classes: ["a", "b"], seed: 0 });
  assert.deepEqual([only.final, only.ensemble], ["2.5d", null]);
  assert.match(choiceText(only), /2\.5D is the only candidate/);
});
