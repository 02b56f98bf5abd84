import assert from "node:assert/strict";
import { test } from "node:test";
import { spreadOver } from "../../src/data/sampler.js";

const upTo = (count: number) => Array.from({ length: count }, (_, k) => k);

test("spreadOver: all items where there are no more than asked for, or no number is given", () => {
  assert.deepEqual(spreadOver(upTo(5), null), [0, 1, 2, 3, 4]);
  assert.deepEqual(spreadOver(upTo(5), 5), [0, 1, 2, 3, 4]);
  assert.deepEqual(spreadOver(upTo(5), 6), [0, 1, 2, 3, 4]);
  assert.deepEqual(spreadOver([], 3), []);
});

test("spreadOver: the middles of equal shares (worked out by hand), the same at every call", () => {
  const cases: [items: number, most: number, expected: number[]][] = [
    [8, 1, [4]],
    [8, 2, [2, 6]],
    [8, 4, [1, 3, 5, 7]],
    [9, 3, [1, 4, 7]],
    [10, 4, [1, 3, 6, 8]],
    [6, 5, [0, 1, 3, 4, 5]],
  ];
  for (const [items, most, expected] of cases) {
    const given = upTo(items);
    assert.deepEqual(spreadOver(given, most), expected);
    assert.deepEqual(spreadOver(given, most), expected);
    assert.deepEqual(given, upTo(items), "the items stay as they are");
  }
});

test("spreadOver: for every length up to 40, distinct items in order, whose distances differ by one at most, as far from either end", () => {
  for (let items = 2; items <= 40; items++)
    for (let most = 1; most < items; most++) {
      const chosen = spreadOver(upTo(items), most);
      const what = `${most} of ${items}: ${chosen.join(" ")}`;
      assert.equal(chosen.length, most, what);
      const steps = chosen.slice(1).map((item, k) => item - (chosen[k] ?? NaN));
      assert.ok(steps.every((step) => step >= 1), what); // prettier-ignore
      assert.ok(Math.max(...steps, 0) - Math.min(...steps, Infinity) <= 1, what);
      const [before, behind] = [chosen[0] ?? NaN, items - 1 - (chosen.at(-1) ?? NaN)];
      assert.ok(Math.abs(before - behind) <= 1, what);
    }
});
