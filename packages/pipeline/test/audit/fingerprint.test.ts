import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "@slicestack/stats";
import { correlation, distance, fingerprintOf, thumbnailOf } from "../../src/audit/fingerprint.js";

/** Smooth random volumes of nx x ny x nz voxels: sums of a few waves. */
function waves(seed: number, [nx, ny, nz]: [number, number, number], change = 0): Float32Array {
  const random = new Random(seed);
  const terms = Array.from({ length: 12 }, () => [
    random.uniform(1, 9),
    random.uniform(1, 9),
    random.uniform(1, 5),
    random.uniform(0, 6),
  ]);
  const noise = new Random(seed + 1000);
  return Float32Array.from({ length: nx * ny * nz }, (_, i) => {
    const [x, y, z] = [(i % nx) / nx, (Math.floor(i / nx) % ny) / ny, Math.floor(i / (nx * ny)) / nz];
    const value = terms.reduce((sum, [a, b, c, d]) => sum + Math.sin(a! * x + b! * y + c! * z + d!), 0);
    return value + change * noise.normal();
  });
}

test("thumbnail: means over the cells of the grid, x fastest; with fewer voxels than cells, cells repeat", () => {
  const [nx, ny, nz] = [32, 48, 16];
  const ramp = Float32Array.from(
    { length: nx * ny * nz },
    (_, i) => (i % nx) + 100 * Math.floor(i / (nx * ny)),
  );
  const cells = thumbnailOf(ramp, [nx, ny, nz]);
  assert.equal(cells.length, 16 * 16 * 8);
  assert.equal(cells[0], 0.5 + 50);
  assert.equal(cells[1], 2.5 + 50);
  assert.equal(cells[16 * 16], 0.5 + 250);
  assert.deepEqual([...thumbnailOf([7], [1, 1, 1])], new Array(2048).fill(7));
});

test("fingerprint: a volume, the same with noise, resampled or brightened stay near; other volumes stay far", () => {
  const size: [number, number, number] = [64, 64, 32];
  const of = (voxels: ArrayLike<number>, shape = size) => {
    const thumbnail = thumbnailOf(voxels, shape);
    return { thumbnail, fingerprint: fingerprintOf(thumbnail) };
  };
  for (let seed = 0; seed < 20; seed++) {
    const a = of(waves(seed, size));
    assert.equal(distance(a.fingerprint, a.fingerprint), 0);
    const same = [
      of(waves(seed, size, 0.5)),
      of(waves(seed, [50, 70, 40]), [50, 70, 40]),
      of(waves(seed, size).map((v) => 3 * v - 900)),
    ];
    for (const b of same) {
      assert.ok(
        distance(a.fingerprint, b.fingerprint) < 0.15,
        `${seed}: ${distance(a.fingerprint, b.fingerprint)}`,
      );
      assert.ok(correlation(a.thumbnail, b.thumbnail) > 0.98);
    }
    const other = of(waves(seed + 500, size));
    assert.ok(
      distance(a.fingerprint, other.fingerprint) > 0.3,
      `${seed}: ${distance(a.fingerprint, other.fingerprint)}`,
    );
  }
});

test("distance counts the bits that differ; correlation is Pearson's", () => {
  const [a, b] = [new Uint32Array(176), new Uint32Array(176)];
  b[0] = 0b1011;
  b[175] = 0x80000000;
  assert.equal(distance(a, b), 1, "too few bits to tell");
  for (let k = 10; k < 20; k++) [a[k], b[k]] = [0xffffffff, 0xffffffff];
  assert.equal(distance(a, b), 4 / 324);
  assert.ok(Math.abs(correlation(Float32Array.of(1, 2, 3), Float32Array.of(6, 4, 2)) + 1) < 1e-6);
  assert.equal(correlation(Float32Array.of(1, 1), Float32Array.of(1, 1)), 1);
  assert.equal(correlation(Float32Array.of(1, 1), Float32Array.of(1, 2)), 0);
});
