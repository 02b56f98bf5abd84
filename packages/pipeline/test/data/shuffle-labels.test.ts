import assert from "node:assert/strict";
import { test } from "node:test";
import { shuffleLabels } from "../../src/data/shuffle-labels.js";

const volumes = Array.from({ length: 60 }, (_, k) => ({
  id: `v${k}`,
  subject: `s${Math.floor(k / 2)}`,
  label: k < 40 ? 0 : 1,
}));

test("shuffled labels: the same volumes in the same order, each class equally often, determined by the seed alone", () => {
  const shuffled = shuffleLabels(volumes, 3, "train");
  assert.deepEqual(
    shuffled.map(({ id, subject }) => [id, subject]),
    volumes.map(({ id, subject }) => [id, subject]),
  );
  const ones = (some: readonly { label: number }[]) => some.filter(({ label }) => label === 1).length;
  assert.equal(ones(shuffled), ones(volumes));
  assert.deepEqual(shuffleLabels(volumes, 3, "train"), shuffled);
  assert.notDeepEqual(shuffleLabels(volumes, 4, "train"), shuffled);
  assert.notDeepEqual(shuffleLabels(volumes, 3, "val"), shuffled);
});

test("subjects with the same number of volumes exchange all of their labels", () => {
  const shuffled = shuffleLabels(volumes, 3, "train");
  for (let k = 0; k < 60; k += 2) assert.equal(shuffled[k]!.label, shuffled[k + 1]!.label);
});

test("over many seeds a shuffled label is independent of the true one", () => {
  let agreed = 0;
  for (let seed = 0; seed < 300; seed++)
    agreed += shuffleLabels(volumes, seed, "train").filter(
      ({ label }, k) => label === volumes[k]!.label,
    ).length;
  // Two labels of one draw agree by chance with (2/3)² + (1/3)² = 5/9.
  assert.ok(Math.abs(agreed / (300 * 60) - 5 / 9) < 0.01, String(agreed / 18_000));
});
