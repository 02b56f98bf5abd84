import assert from "node:assert/strict";
import { test } from "node:test";
import {
  alarmLimit,
  familiarityDistance,
  fitFamiliarity,
  PredictionsError,
  Random,
  ShapeError,
} from "../../src/index.js";
import { symmetricEigen } from "../../src/decisions/symmetric-eigen.js";

const normals = (random: Random, count: number): number[] =>
  Array.from({ length: count }, () => random.normal());

test("eigenvectors of a symmetric matrix: A v = λ v, unit length, the largest first", () => {
  const random = new Random(3);
  const half = Array.from({ length: 12 }, () => normals(random, 12));
  const matrix = half.map((a) => half.map((b) => a.reduce((sum, x, k) => sum + x * b[k]!, 0)));
  const { values, vectors } = symmetricEigen(matrix);
  vectors.forEach((vector, n) => {
    assert.ok(Math.abs(vector.reduce((sum, x) => sum + x * x, 0) - 1) < 1e-12);
    matrix.forEach((row, i) => {
      const product = row.reduce((sum, x, k) => sum + x * vector[k]!, 0);
      assert.ok(Math.abs(product - values[n]! * vector[i]!) < 1e-9 * values[0]!);
    });
    assert.ok(n === 0 || values[n]! <= values[n - 1]!);
  });
  assert.deepEqual(symmetricEigen([[2, 0], [0, 5]]).values, [5, 2]); // prettier-ignore
});

test("with a component for each dimension the distance is Mahalanobis' own (inverse covariance by hand)", () => {
  const random = new Random(7);
  const rows = Array.from({ length: 200 }, () => {
    const [a, b] = normals(random, 2) as [number, number];
    return [3 * a + 1, a + 0.5 * b - 2];
  });
  const model = fitFamiliarity(rows, { components: 2 });
  const mean = [0, 1].map((e) => rows.reduce((sum, row) => sum + row[e]!, 0) / rows.length) as [
    number,
    number,
  ];
  const covariance = (i: number, j: number) =>
    rows.reduce((sum, row) => sum + (row[i]! - mean[i]!) * (row[j]! - mean[j]!), 0) / (rows.length - 1);
  const [xx, xy, yy] = [covariance(0, 0), covariance(0, 1), covariance(1, 1)];
  for (const point of [
    [1, -2],
    [4, 4],
    [-7, 0],
  ] as [number, number][]) {
    const [dx, dy] = [point[0] - mean[0], point[1] - mean[1]];
    const squared = (yy * dx * dx - 2 * xy * dx * dy + xx * dy * dy) / (xx * yy - xy * xy);
    assert.ok(Math.abs(familiarityDistance(model, point) - Math.sqrt(squared)) < 1e-9);
  }
});

test("more dimensions than rows: a vector outside of the training directions is farther than those of training", () => {
  const random = new Random(11);
  const directions = Array.from({ length: 3 }, () => normals(random, 64));
  const drawn = (from: Random) => {
    const weights = normals(from, 3);
    return Array.from(
      { length: 64 },
      (_, e) => directions.reduce((sum, d, k) => sum + weights[k]! * d[e]!, 0) + 0.05 * from.normal(),
    );
  };
  const model = fitFamiliarity(Array.from({ length: 40 }, () => drawn(random)));
  const familiar = Array.from({ length: 50 }, () => familiarityDistance(model, drawn(random)));
  const strange = Array.from({ length: 50 }, () =>
    familiarityDistance(
      model,
      drawn(random).map((x) => x + random.normal()),
    ),
  );
  assert.ok(Math.min(...strange) > Math.max(...familiar));
});

test("the limit from validation raises at most its share of false alarms (simulation)", () => {
  const random = new Random(5);
  const rate = 0.05;
  let alarms = 0;
  let looked = 0;
  for (let repeat = 0; repeat < 200; repeat++) {
    const model = fitFamiliarity(Array.from({ length: 24 }, () => normals(random, 30)));
    const distance = () => familiarityDistance(model, normals(random, 30));
    const limit = alarmLimit(Array.from({ length: 39 }, distance), rate)!;
    for (let k = 0; k < 20; k++, looked++) if (distance() > limit) alarms++;
  }
  // Its expectation is 2 / 40 = 5 %; 4000 correlated looks leave an error of about 0.6 %.
  assert.ok(Math.abs(alarms / looked - rate) < 0.02, String(alarms / looked));
  assert.equal(
    alarmLimit(
      Array.from({ length: 18 }, (_, k) => k),
      rate,
    ),
    null,
  );
  assert.equal(
    alarmLimit(
      Array.from({ length: 19 }, (_, k) => k),
      rate,
    ),
    18,
  );
});

test("what is no set of embeddings is refused by row", () => {
  assert.throws(() => fitFamiliarity([[1, 2], [3, 4]]), ShapeError); // prettier-ignore
  assert.throws(() => fitFamiliarity([[1, 2], [3, 4], [5], [6, 7]]), /row 2/); // prettier-ignore
  assert.throws(() => fitFamiliarity([[1, 2], [3, 4], [5, NaN], [6, 7]]), PredictionsError); // prettier-ignore
  const model = fitFamiliarity(Array.from({ length: 8 }, (_, n) => [n, n * n]));
  assert.throws(() => familiarityDistance(model, [1]), ShapeError);
  // Rows that are all alike leave no direction: any other vector is infinitely far, and the same one is at 0.
  const flat = fitFamiliarity(Array.from({ length: 8 }, () => [1, 2, 3]));
  assert.equal(familiarityDistance(flat, [1, 2, 3]), 0);
  assert.ok(familiarityDistance(flat, [1, 2, 4]) > 1e100);
});
