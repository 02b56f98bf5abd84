import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "@slicestack/stats";
import { epochOrder, spreadOver } from "../../src/data/sampler.js";

const upTo = (count: number) => Array.from({ length: count }, (_, k) => k);

test("spreadOver: all items if there are no more than requested, or no number is given", () => {
  assert.deepEqual(spreadOver(upTo(5), null), [0, 1, 2, 3, 4]);
  assert.deepEqual(spreadOver(upTo(5), 5), [0, 1, 2, 3, 4]);
  assert.deepEqual(spreadOver(upTo(5), 6), [0, 1, 2, 3, 4]);
  assert.deepEqual(spreadOver([], 3), []);
});

test("spreadOver: the middles of equal shares (computed by hand), the same at every call", () => {
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

test("spreadOver: for every length up to 40, distinct items in order, whose distances differ by at most one, equally far from both ends", () => {
  for (let items = 2; items <= 40; items++)
    for (let most = 1; most < items; most++) {
      const chosen = spreadOver(upTo(items), most);
      const what = `${most} of ${items}: ${chosen.join(" ")}`;
      assert.equal(chosen.length, most, what);
      const steps = chosen.slice(1).map((item, k) => item - (chosen[k] ?? NaN));
      assert.ok(
        steps.every((step) => step >= 1),
        what,
      );
      assert.ok(Math.max(...steps, 0) - Math.min(...steps, Infinity) <= 1, what);
      const [before, behind] = [chosen[0] ?? NaN, items - 1 - (chosen.at(-1) ?? NaN)];
      assert.ok(Math.abs(before - behind) <= 1, what);
    }
});

interface Item {
  id: number;
  label: number;
  subject: string;
}
/** Class 0: subjects a (6 items) and b (2); class 1: subject c (1) and d (3), and a has one of class 1 too. */
const items: Item[] = [
  ["a", 0, 6],
  ["b", 0, 2],
  ["c", 1, 1],
  ["d", 1, 3],
  ["a", 1, 1],
].flatMap(([subject, label, count]) =>
  Array.from({ length: Number(count) }, () => ({ id: 0, subject: String(subject), label: Number(label) })),
);
items.forEach((item, id) => (item.id = id));

function countBy(drawn: readonly Item[], keyOf: (item: Item) => string | number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of drawn) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1;
  return counts;
}
const order = (weighted: boolean, bySubject: boolean, seed = 1) =>
  epochOrder(items, { random: new Random(seed), weighted, bySubject });

test("plain: every item once, in a different order for each seed", () => {
  const ids = (seed: number) => order(false, false, seed).map(({ id }) => id);
  assert.deepEqual(
    ids(1).sort((a, b) => a - b),
    upTo(13),
  );
  assert.deepEqual(ids(1), ids(1));
  assert.notDeepEqual(ids(1), ids(2));
});

test("subject: as many draws as items, each subject equally often (or once more), its items in turn", () => {
  for (let seed = 0; seed < 20; seed++) {
    const drawn = order(false, true, seed);
    assert.equal(drawn.length, 13);
    const counts = Object.values(countBy(drawn, ({ subject }) => subject));
    assert.deepEqual(counts.sort(), [3, 3, 3, 4]);
    // c has one item: it comes three or four times. a has seven: none of them comes twice.
    assert.equal(
      new Set(drawn.filter(({ subject }) => subject === "a").map(({ id }) => id)).size,
      countBy(drawn, ({ subject }) => subject)["a"],
    );
    for (let start = 0; start + 4 <= 12; start += 4)
      assert.equal(
        new Set(drawn.slice(start, start + 4).map(({ subject }) => subject)).size,
        4,
        "every subject in each four",
      );
  }
});

test("weighted and subject: classes equally often, and within a class its subjects equally often", () => {
  for (let seed = 0; seed < 20; seed++) {
    const drawn = order(true, true, seed);
    const classes = countBy(drawn, ({ label }) => label);
    assert.deepEqual(Object.values(classes).sort(), [6, 7]);
    for (const label of [0, 1]) {
      const counts = Object.values(
        countBy(
          drawn.filter((item) => item.label === label),
          ({ subject }) => subject,
        ),
      );
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join());
      assert.equal(counts.length, label === 0 ? 2 : 3);
    }
  }
});

test("weighted: over many draws each class has its share, and each item its share of the class (binomial bounds)", () => {
  const many = Array.from({ length: 400 }, (_, seed) => order(true, false, seed)).flat();
  const classes = countBy(many, ({ label }) => label);
  assert.ok(Math.abs((classes[0] ?? 0) / many.length - 0.5) < 0.03);
  for (const [id, count] of Object.entries(countBy(many, ({ id }) => id))) {
    const share = items[Number(id)]?.label === 0 ? 1 / 16 : 1 / 10;
    assert.ok(Math.abs(count / many.length - share) < 0.015, `item ${id}: ${count / many.length}`);
  }
});

test("one subject, one item, one class: every sampler gives that item", () => {
  const onlyItem: Item[] = [{ id: 0, label: 0, subject: "a" }];
  for (const weighted of [false, true])
    for (const bySubject of [false, true])
      assert.deepEqual(epochOrder(onlyItem, { random: new Random(1), weighted, bySubject }), onlyItem);
});
