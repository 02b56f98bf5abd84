import { test } from "node:test";
import assert from "node:assert/strict";
import { LabelError, RangeOfParameterError, ShapeError } from "../src/errors.js";
import { precisionRecallBand, rocBand } from "../src/metrics/bands.js";
import { precisionAt, precisionRecallCurve, rank, rocCurve, sensitivityAt } from "../src/metrics/ranking.js";
import { close, simulate } from "./fixture.js";

const grid = Array.from({ length: 21 }, (_, i) => i / 20);
const { labels, probabilities, subjects } = simulate({ model: "m", seed: 6, counts: [17, 13], signal: 1 });
const coarse = probabilities.map(([p]) => [Math.round(p! * 4) / 4, 1 - Math.round(p! * 4) / 4]);

for (const [name, rows] of [
  ["distinct scores", probabilities],
  ["ties", coarse],
] as const) {
  const ranking = rank(
    rows.map((row) => row[1]!),
    labels.map((label) => label === 1),
  );

  test(`curves read at a grid equal their points, searched one by one: ${name}`, () => {
    const roc = rocCurve(ranking);
    const sensitivity = new Float64Array(grid.length);
    sensitivityAt(ranking, grid, undefined, sensitivity);
    grid.forEach((x, k) => {
      const last = roc.falsePositiveRate.findLastIndex((fpr) => fpr <= x + 1e-12);
      const [x0, y0] = [roc.falsePositiveRate[last]!, roc.truePositiveRate[last]!];
      const [x1, y1] = [roc.falsePositiveRate[last + 1] ?? x0, roc.truePositiveRate[last + 1] ?? y0];
      const expected = x1 > x0 ? y0 + ((x - x0) / (x1 - x0)) * (y1 - y0) : y0;
      close(sensitivity[k]!, expected, 1e-9, `sensitivity at ${x}`);
    });
    const curve = precisionRecallCurve(ranking);
    const precision = new Float64Array(grid.length);
    precisionAt(ranking, grid, undefined, precision);
    grid.forEach((x, k) => {
      const first = curve.recall.findIndex((recall) => recall >= x - 1e-12);
      close(precision[k]!, curve.precision[first]!, 1e-12, `precision at recall ${x}`);
    });
  });

  test(`whole weights equal repeated rows, at every grid point: ${name}`, () => {
    const weights = Float64Array.from(labels, (_, i) => (i * 7) % 4);
    const repeated = labels.flatMap((_, i) => new Array<number>(weights[i]!).fill(i));
    const many = rank(
      repeated.map((i) => rows[i]![1]!),
      repeated.map((i) => labels[i] === 1),
    );
    for (const read of [sensitivityAt, precisionAt]) {
      const [weighted, copied] = [new Float64Array(grid.length), new Float64Array(grid.length)];
      read(ranking, grid, weights, weighted);
      read(many, grid, undefined, copied);
      weighted.forEach((value, k) => close(value, copied[k]!, 1e-12, `at ${grid[k]}`));
    }
  });
}

test("bands hold their curve and their ends: the sensitivity is 1 at a false positive rate of 1", () => {
  const scored = { labels, probabilities, subjects };
  const roc = rocBand(scored, { of: 1, seed: 1, grid, resamples: 300 });
  assert.deepEqual(roc.x, grid);
  assert.equal(roc.y.at(-1)!.value, 1);
  roc.y.forEach(({ value, interval }, k) => {
    if (interval.method !== "none")
      assert.ok(interval.low <= value && value <= interval.high, `at ${grid[k]}`);
  });
  assert.ok(roc.y.some(({ interval }) => interval.high - interval.low > 0.05));
  const pr = precisionRecallBand(scored, { of: 1, seed: 1, grid, resamples: 300 });
  const ranking = rank(
    probabilities.map((row) => row[1]!),
    labels.map((label) => label === 1),
  );
  const curve = precisionRecallCurve(ranking);
  assert.equal(pr.y.at(-1)!.value, curve.precision[curve.recall.indexOf(1)], "precision at a recall of 1");
});

test("a perfect model: sensitivity 1 at every rate, precision 1 at every recall; without positives NaN (by hand)", () => {
  const perfect = rank([0.9, 0.8, 0.2, 0.1], [true, true, false, false]);
  const out = new Float64Array(3);
  sensitivityAt(perfect, [0, 0.5, 1], undefined, out);
  assert.deepEqual([...out], [1, 1, 1]);
  precisionAt(perfect, [0, 0.5, 1], undefined, out);
  assert.deepEqual([...out], [1, 1, 1]);
  const none = rank([0.5, 0.4], [false, false]);
  for (const read of [sensitivityAt, precisionAt]) {
    read(none, [0, 0.5, 1], undefined, out);
    assert.ok(out.every(Number.isNaN));
  }
  assert.deepEqual(precisionRecallCurve(none).recall, []);
});

test("a class or a grid out of range and broken scores are refused", () => {
  const scored = {
    labels: [0, 1],
    probabilities: [
      [0.5, 0.5],
      [0.4, 0.6],
    ],
    subjects: ["a", "b"],
  };
  assert.throws(() => rocBand(scored, { of: 2, seed: 1 }), RangeOfParameterError);
  assert.throws(() => rocBand(scored, { of: 1, seed: 1, grid: [0.5, 0.2] }), RangeOfParameterError);
  assert.throws(() => precisionRecallBand({ ...scored, labels: [0, 3] }, { of: 1, seed: 1 }), LabelError);
  assert.throws(() => rocBand({ ...scored, subjects: ["a"] }, { of: 1, seed: 1 }), ShapeError);
});
