/** Deletion and insertion on models whose answer is known, rank correlation, means over subjects, warnings. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random, rankCorrelation } from "@slicestack/stats";
import { cellCount, cellMeans, cellOfPixels, cellsOf } from "../../src/explain/blocks.js";
import { area, checkOrder, randomCurves, type OrderCheck } from "../../src/explain/deletion.js";
import { probabilityOf } from "../../src/explain/log-odds.js";
import type { SubjectExplained } from "../../src/explain/subject.js";
import { meanBySubject, summarise } from "../../src/explain/summary.js";

const ten = Array.from({ length: 10 }, (_, k) => k + 100);

/** A model that adds up what its cells are worth. */
const adding = (worth: readonly number[]) => (kept: ReadonlySet<number>) =>
  ten.reduce((sum, cell, k) => sum + (kept.has(cell) ? worth[k]! : 0), 0);

function check(
  worth: number[],
  values: number[],
  steps = 10,
  draws = 400,
  random = new Random(3),
): OrderCheck {
  const deletable = { cells: ten, probability: adding(worth), steps };
  return checkOrder(deletable, values, randomCurves(deletable, draws, random), random.fork("ties"));
}

test("all that counts is in one cell: the right map deletes it first, the wrong one last; the areas by hand", () => {
  const worth = ten.map((_, k) => (k === 4 ? 1 : 0));
  const right = check(worth, worth);
  assert.deepEqual(right.map.deletion, [1, ...new Array<number>(10).fill(0)]);
  assert.deepEqual(right.map.insertion, [0, ...new Array<number>(10).fill(1)]);
  assert.ok(Math.abs(right.areas.deletion - 0.05) < 1e-12 && Math.abs(right.areas.insertion - 0.95) < 1e-12);
  // A random order meets the cell anywhere: its curve is a straight line on average.
  assert.ok(Math.abs(right.areas.randomDeletion - 0.5) < 0.03, String(right.areas.randomDeletion));
  assert.ok(Math.abs(right.gain.deletion - 0.45) < 0.03 && Math.abs(right.gain.insertion - 0.45) < 0.03);
  const wrong = check(
    worth,
    worth.map((one) => -one),
  );
  assert.ok(Math.abs(wrong.areas.deletion - 0.95) < 1e-12 && Math.abs(wrong.areas.insertion - 0.05) < 1e-12);
  assert.ok(wrong.gain.deletion < -0.4 && wrong.gain.insertion < -0.4);
});

test("cells of different worth: each curve is the running sum in the map's order, in fewer steps too", () => {
  const worth = [0.3, 0.02, 0.18, 0, 0.1, 0.05, 0.2, 0.01, 0.04, 0.1];
  const sorted = [...worth].sort((a, b) => b - a);
  const { map } = check(worth, worth, 5);
  assert.deepEqual(map.shares, [0, 0.2, 0.4, 0.6, 0.8, 1]);
  map.insertion.forEach((value, k) => {
    const wanted = sorted.slice(0, 2 * k).reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(value - wanted) < 1e-12, `${k}: ${value} ${wanted}`);
    assert.ok(Math.abs(map.deletion[k]! - (1 - wanted)) < 1e-12);
  });
  assert.equal(area([0, 0.5, 1], [1, 0.5, 0.25]), 0.5 * 0.75 + 0.5 * 0.375);
});

test("a flat map, and a map of noise, gain nothing on average", () => {
  const random = new Random(9);
  const gains = Array.from({ length: 300 }, (_, k) => {
    const worth = ten.map(() => random.uniform() / 5);
    const values = k % 2 === 0 ? ten.map(() => 7) : ten.map(() => random.uniform());
    return check(worth, values, 10, 4, random.fork(k)).gain;
  });
  for (const what of ["deletion", "insertion"] as const) {
    const mean = gains.reduce((sum, gain) => sum + gain[what], 0) / gains.length;
    assert.ok(Math.abs(mean) < 0.02, `${what}: ${mean}`);
  }
});

test("cells cover each plane evenly, whatever its size", () => {
  for (const shape of [
    [2, 37, 50],
    [1, 5, 3],
    [3, 128, 128],
  ] as const) {
    const cells = cellsOf(shape);
    const cellOf = cellOfPixels(cells);
    const counts = new Array<number>(cellCount(cells)).fill(0);
    for (const cell of cellOf) counts[cell]!++;
    const [least, most] = [Math.min(...counts), Math.max(...counts)];
    assert.ok(least >= 1 && most <= 4 * least, `${shape.join(" x ")}: ${least} to ${most}`);
    // The mean of the numbers of planes is the number of the plane.
    const planes = cellMeans(
      Array.from(cellOf, (_, i) => Math.floor(i / (shape[1] * shape[2]))),
      cells,
    );
    const each = cells.across[0] * cells.across[1];
    planes.forEach((value, k) => assert.equal(value, Math.floor(k / each)));
  }
});

test("rank correlation: by hand with ties, 1 for any rising function, null where there is nothing to rank", () => {
  assert.equal(rankCorrelation([1, 2, 3, 4], [1, 8, 27, 64]), 1);
  assert.equal(rankCorrelation([1, 2, 3, 4], [4, 3, 2, 1]), -1);
  // Ranks 0, 1.5, 1.5, 3 against 0, 1, 2, 3: 4.5 / sqrt(4.5 · 5).
  assert.ok(Math.abs(rankCorrelation([1, 5, 5, 9], [1, 2, 3, 4])! - 4.5 / Math.sqrt(22.5)) < 1e-12);
  assert.equal(rankCorrelation([2, 2, 2], [1, 2, 3]), null);
});

test("a mean over subjects counts each subject once, and one subject has no interval", () => {
  const { value, interval } = meanBySubject([1, 1, 1, 5, 3], ["a", "a", "a", "b", "c"], 1);
  assert.equal(value, 3);
  // Three subjects with the means 1, 5 and 3: t's quantile of two degrees of freedom by their standard error 2 / sqrt(3).
  const half = (4.3027 * 2) / Math.sqrt(3);
  assert.ok(Math.abs(3 - interval.low - half) < 0.05 * half, String(interval.low));
  assert.ok(Math.abs(interval.high - 3 - half) < 0.05 * half, String(interval.high));
  assert.ok(Number.isNaN(meanBySubject([1, 2], ["a", "a"], 1).interval.low));
});

test("probability and log-odds", () => {
  assert.equal(probabilityOf(0), 0.5);
  assert.ok(Math.abs(probabilityOf(Math.log(3)) - 0.75) < 1e-12);
});

/** Subjects whose maps gain so much, with so much of a random model's map in them. */
function subjects(gains: readonly number[], randomised: number | null, gap = 0): SubjectExplained[] {
  return gains.map((gain, k) => {
    const order = check(
      ten.map(() => 0.1),
      ten,
      10,
      1,
    );
    return {
      id: `v${k}`,
      subject: `s${k}`,
      label: 0,
      predicted: 0,
      target: 0,
      probabilities: [1],
      score: 2,
      slices: [],
      completeness: { score: 2, baselineScore: 0, sum: 2 + gap, gap },
      checks: { gradcam: { ...order, gain: { deletion: gain, insertion: gain }, randomised } },
    };
  });
}

test("warnings: no better than chance, one subject, much the same from random weights, a sum that is missed; none for a good map", () => {
  const warn = (...of: Parameters<typeof subjects>) => summarise(subjects(...of), 1).warnings;
  assert.deepEqual(warn([0.2, 0.3, 0.25, 0.1], 0.05), []);
  assert.match(
    warn([0.2, -0.3, 0.1, -0.1], 0.05).join(),
    /not shown to be better than a random order over 4 subjects/,
  );
  assert.match(warn([-0.2, -0.3, -0.2], null).join(), /Do not interpret these maps/);
  assert.match(warn([0, 0, 0], null).join(), /not shown to be better/);
  assert.match(warn([0.4], 0).join(), /a single subject has no interval/);
  assert.match(warn([0.2, 0.3, 0.25], 0.8).join(), /random weights gives nearly the same map/);
  assert.match(warn([0.2, 0.3, 0.25], -0.8).join(), /or its reverse/);
  const dark = subjects([0.2, 0.3, 0.25], 0.1).map((one, k) => ({
    ...one,
    slices: [{ place: 0, weight: null, leftOut: 1, air: 1, ig: 1, gradcam: k === 1 ? 0 : 1 }],
  }));
  assert.match(summarise(dark, 1).warnings.join(), /^Grad-CAM: empty for 1 of 3 volumes \(v1\)/);
  assert.match(warn([0.2, 0.3, 0.25], 0.1, 0.5).join(), /miss their sum.*Raise --steps/);
});
