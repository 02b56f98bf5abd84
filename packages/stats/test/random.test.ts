import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../src/random.js";

test("Random: the same seed gives the same numbers, another seed gives others; this also holds beyond 32 bits", () => {
  const draw = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 5 }, () => random.uniform());
  };
  assert.deepEqual(draw(7), draw(7));
  const seeds = [0, 1, -1, 7, 2 ** 32, 2 ** 32 + 7, Number.MAX_SAFE_INTEGER];
  assert.equal(new Set(seeds.map((seed) => draw(seed).join())).size, seeds.length);
});

test("Random.fork: depends on seed and label only, not on what was drawn before", () => {
  const random = new Random(3);
  const before = random.fork("noise").uniform();
  random.uniform();
  assert.equal(random.fork("noise").uniform(), before);
  assert.notEqual(random.fork("anatomy").uniform(), before);
});

test("Random.normal and uniform: moments of 50000 numbers against the distribution's (5 standard errors)", () => {
  const n = 50_000;
  const random = new Random(11);
  const normal = Array.from({ length: n }, () => random.normal(2, 3));
  const mean = normal.reduce((a, b) => a + b, 0) / n;
  const variance = normal.reduce((a, b) => a + (b - mean) ** 2, 0) / (n - 1);
  assert.ok(Math.abs(mean - 2) < (5 * 3) / Math.sqrt(n), `mean ${mean}`);
  assert.ok(Math.abs(variance - 9) < 5 * 9 * Math.sqrt(2 / n), `variance ${variance}`);
  const uniform = Array.from({ length: n }, () => random.uniform(-1, 3));
  const centre = uniform.reduce((a, b) => a + b, 0) / n;
  assert.ok(Math.abs(centre - 1) < (5 * 4) / Math.sqrt(12 * n), `mean ${centre}`);
  assert.ok(uniform.every((value) => value >= -1 && value < 3));
});

test("Random.integer: both ends are reached; shuffle is a permutation with each position equally likely (chi-squared)", () => {
  const random = new Random(5);
  assert.deepEqual(
    [...new Set(Array.from({ length: 200 }, () => random.integer(-1, 2)))].sort(),
    [-1, 0, 1, 2],
  );
  const first = new Array<number>(6).fill(0);
  for (let i = 0; i < 6000; i++) {
    const items = random.shuffle([0, 1, 2, 3, 4, 5]);
    assert.deepEqual([...items].sort(), [0, 1, 2, 3, 4, 5]);
    const place = items[0] ?? 0;
    first[place] = (first[place] ?? 0) + 1;
  }
  const chi2 = first.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
  assert.ok(chi2 < 25, `chi-squared ${chi2} with 5 degrees of freedom`);
});

test("Random: a seed that is not a whole number and an empty list are refused", () => {
  assert.throws(() => new Random(1.5), RangeError);
  assert.throws(() => new Random(NaN), RangeError);
  assert.throws(() => new Random(1).pick([]), RangeError);
});

test("the first numbers of 2000 neighbouring seeds are distributed like those of one stream: mean, variance, and no trend", () => {
  for (let draw = 0; draw < 4; draw++) {
    const values = Array.from({ length: 2000 }, (_, seed) => {
      const random = new Random(seed);
      for (let k = 0; k < draw; k++) random.uniform();
      return random.uniform();
    });
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    const neighbours = values
      .slice(1)
      .reduce((sum, value, k) => sum + (value - mean) * (values[k]! - mean), 0);
    assert.ok(Math.abs(mean - 0.5) < 0.03, `draw ${draw}: mean ${mean}`);
    assert.ok(Math.abs(variance - 1 / 12) < 0.008, `draw ${draw}: variance ${variance}`);
    assert.ok(
      Math.abs(neighbours / values.length / variance) < 0.08,
      `draw ${draw}: correlation of neighbours`,
    );
  }
});
