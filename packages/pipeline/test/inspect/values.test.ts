import assert from "node:assert/strict";
import { test } from "node:test";
import type { VoxelArray } from "@slicestack/volume";
import { Random } from "@slicestack/stats";
import { coarseHistogram, fineHistogram, histogramText } from "../../src/inspect/histogram.js";
import { PERCENTS, ValueCounts } from "../../src/inspect/values.js";
import { phantom } from "./support.js";

const random = new Random(3);
const normal = Array.from({ length: 5000 }, () => random.normal(-300, 400));

/** The least value that so many percent do not exceed, found by sorting. */
function percentileBySorting(values: ArrayLike<number>, percent: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!;
}

for (const [name, data] of [
  ["int16", Int16Array.from(normal)],
  ["int8", Int8Array.from(normal, (value) => value / 20)],
  ["uint8", Uint8Array.from(normal, (value) => Math.abs(value) / 20)],
  ["uint16", Uint16Array.from(normal, (value) => Math.abs(value) * 50)],
  ["int32", Int32Array.from(normal, (value) => value * 3)],
  ["a phantom", phantom().data],
] as const satisfies readonly (readonly [string, VoxelArray])[]) {
  test(`values of ${name}: extremes, mean, deviation and percentiles as by sorting and summing`, () => {
    const facts = ValueCounts.of(data).facts();
    const numbers = Array.from(data as ArrayLike<number>);
    const sum = numbers.reduce((total, value) => total + value, 0);
    const squares = numbers.reduce((total, value) => total + (value - sum / data.length) ** 2, 0);
    assert.equal(facts.count, data.length);
    assert.equal(facts.nonFinite, 0);
    assert.deepEqual([facts.min, facts.max], [percentileBySorting(data, 0), percentileBySorting(data, 100)]);
    assert.ok(Math.abs(facts.mean - sum / data.length) < 1e-9);
    assert.ok(Math.abs(facts.standardDeviation - Math.sqrt(squares / data.length)) < 1e-9);
    for (const percent of PERCENTS)
      assert.equal(facts.percentiles[`p${percent}`], percentileBySorting(data, percent), `${percent} %`);
  });
}

test("fractions: percentiles within a 65535th of the range; NaN and infinity are counted apart", () => {
  const data = Float32Array.from([NaN, ...normal, Infinity, -Infinity]);
  const finite = Float32Array.from(normal);
  const facts = ValueCounts.of(data).facts();
  assert.deepEqual([facts.count, facts.nonFinite], [5000, 3]);
  assert.deepEqual(
    [facts.min, facts.max],
    [percentileBySorting(finite, 0), percentileBySorting(finite, 100)],
  );
  const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
  assert.ok(Math.abs(facts.mean - mean) < 1e-6);
  for (const percent of PERCENTS) {
    const apart = Math.abs(facts.percentiles[`p${percent}`]! - percentileBySorting(finite, percent));
    assert.ok(apart <= (facts.max - facts.min) / 65535, `${percent} %: ${apart}`);
  }
});

test("values without a spread, and none at all", () => {
  assert.deepEqual(ValueCounts.of(Float32Array.of(2.5, 2.5)).facts().percentiles["p50"], 2.5);
  const none = ValueCounts.of(new Float32Array(0)).facts();
  assert.deepEqual([none.count, none.min, none.percentiles["p50"]], [0, NaN, NaN]);
});

for (const [unit, data] of [
  ["HU", phantom().data],
  ["HU", Int16Array.of(-2000, -1500, -1100, -1001, -1000, 0, 99, 100, 999, 1000, 1001, 3000)],
  ["arbitrary", Uint8Array.from(normal, (value) => Math.abs(value) / 20)],
  ["arbitrary", Float32Array.from(normal, (value) => value / 1000)],
  ["arbitrary", Uint8Array.of(0, 1, 0, 1, 1)],
] as const) {
  test(`histogram (${unit}, ${data.length} values): each bin holds what lies between its edges, all bins everything`, () => {
    for (const { edges, shares } of [
      coarseHistogram(ValueCounts.of(data), unit),
      fineHistogram(ValueCounts.of(data), unit),
    ]) {
      assert.equal(edges.length, shares.length + 1);
      assert.ok(edges.every((edge, k) => k === 0 || edge > edges[k - 1]!));
      const counted = shares.map(
        (_, k) =>
          Array.from(data as ArrayLike<number>).filter((value) => value >= edges[k]! && value < edges[k + 1]!)
            .length,
      );
      // Values of fractions are known to a 65535th of their range: one that close to an edge may fall beyond it.
      const slack = data instanceof Float32Array ? 3 : 0;
      shares.forEach((share, k) =>
        assert.ok(Math.abs(share * data.length - counted[k]!) <= slack + 1e-6, `bin ${k}`),
      );
      assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-12);
    }
  });
}

test("histogram as text: a line a bin, the longest bar 40 wide, bars as the square root of the share", () => {
  const lines = histogramText({ edges: [0, 10, 20, 30], shares: [0.8, 0.2, 0] }).split("\n");
  assert.equal(lines.length, 3);
  assert.match(lines[0]!, / 0 … {2}80\.0 % {2}█{40}$/);
  assert.match(lines[1]!, /10 … {2}20\.0 % {2}█{20}$/);
  assert.match(lines[2]!, /20 … {7}–$/);
});
