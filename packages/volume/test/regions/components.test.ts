import assert from "node:assert/strict";
import test from "node:test";
import { connectedComponents, VolumeArgumentError } from "../../src/index.js";
import { seeded } from "../fixtures.js";
import { maskOf, regionFacts } from "./masks.js";

for (const { name, shape, mask: hex, faces, corners } of regionFacts.masks) {
  for (const [connectivity, expected] of [
    [6, faces],
    [26, corners],
  ] as const) {
    test(`components of ${name}, ${connectivity}: labels, sizes and boxes equal scipy.ndimage's (fixtures/volume/regions.py)`, () => {
      const components = connectedComponents(maskOf(hex, shape), shape, connectivity);
      assert.equal(components.count, expected.count);
      assert.deepEqual(Array.from(components.labels()), expected.labels);
      assert.deepEqual(Array.from(components.size), expected.sizes);
      const boxes = expected.sizes.map((_, k) => components.box(k));
      assert.deepEqual(
        boxes.map(({ start, end }) => [start, end]),
        expected.boxes,
      );
    });
  }
}

test("components: any nonzero value is set; select keeps whole components; largest is the first of equals", () => {
  const components = connectedComponents(Uint8Array.of(7, 255, 0, 1, 1, 0, 9, 0), [8, 1, 1]);
  assert.deepEqual(Array.from(components.size), [2, 2, 1]);
  assert.equal(components.largest, 0);
  assert.deepEqual(Array.from(components.select((k) => k !== 1)), [1, 1, 0, 0, 0, 0, 1, 0]);
  assert.equal(connectedComponents(new Uint8Array(8), [2, 2, 2]).largest, -1);
});

test("components: a snake and a comb, whose runs are joined late, are one component each", () => {
  const n = 100;
  const snake = new Uint8Array(n * n);
  for (let y = 0; y < n; y++) {
    if (y % 2 === 0) snake.fill(1, y * n, (y + 1) * n);
    else snake[y * n + (y % 4 === 1 ? n - 1 : 0)] = 1;
  }
  // Teeth that meet only in the last row: a hundred components until then.
  const comb = Uint8Array.from({ length: n * n }, (_, i) => (i % 2 === 0 || i >= n * (n - 1) ? 1 : 0));
  for (const mask of [snake, comb]) {
    const components = connectedComponents(mask, [n, n, 1]);
    assert.deepEqual(Array.from(components.size), [mask.reduce((a, b) => a + b, 0)]);
  }
});

test("components: those of 200 seeded masks equal those of a flood fill", () => {
  const random = seeded(4);
  for (let round = 0; round < 200; round++) {
    const shape: [number, number, number] = [
      1 + Math.floor(random() * 6),
      1 + Math.floor(random() * 6),
      1 + Math.floor(random() * 6),
    ];
    const share = random();
    const mask = Uint8Array.from({ length: shape[0] * shape[1] * shape[2] }, () =>
      random() < share ? 1 : 0,
    );
    const connectivity = round % 2 === 0 ? 6 : 26;
    assert.deepEqual(
      Array.from(connectedComponents(mask, shape, connectivity).labels()),
      floodFill(mask, shape, connectivity),
      `round ${round}`,
    );
  }
});

/** Labels by the simplest possible method. */
function floodFill(mask: Uint8Array, [nx, ny, nz]: [number, number, number], connectivity: 6 | 26): number[] {
  const labels = new Array<number>(mask.length).fill(0);
  let label = 0;
  for (let seed = 0; seed < mask.length; seed++) {
    if (mask[seed] === 0 || labels[seed] !== 0) continue;
    label++;
    const waiting = [seed];
    while (waiting.length > 0) {
      const at = waiting.pop() as number;
      if (mask[at] === 0 || labels[at] !== 0) continue;
      labels[at] = label;
      const [x, y, z] = [at % nx, Math.floor(at / nx) % ny, Math.floor(at / nx / ny)];
      for (const dz of [-1, 0, 1]) {
        for (const dy of [-1, 0, 1]) {
          for (const dx of [-1, 0, 1]) {
            if (connectivity === 6 && Math.abs(dx) + Math.abs(dy) + Math.abs(dz) !== 1) continue;
            const [i, j, k] = [x + dx, y + dy, z + dz];
            if (i >= 0 && j >= 0 && k >= 0 && i < nx && j < ny && k < nz) waiting.push(i + nx * (j + ny * k));
          }
        }
      }
    }
  }
  return labels;
}

test("components: wrong lengths, shapes, connectivities and numbers are refused by name", () => {
  const mask = new Uint8Array(8);
  assert.throws(() => connectedComponents(mask, [2, 2, 3]), VolumeArgumentError);
  assert.throws(() => connectedComponents(mask, [2, 4, 1.5]), VolumeArgumentError);
  assert.throws(
    () => connectedComponents(mask, [2, 2, 2], 18 as 6),
    /connectivity: expected 6 or 26, received 18/,
  );
  const components = connectedComponents(mask.fill(1), [2, 2, 2]);
  for (const k of [-1, 1, 0.5, NaN]) assert.throws(() => components.box(k), VolumeArgumentError, String(k));
});
