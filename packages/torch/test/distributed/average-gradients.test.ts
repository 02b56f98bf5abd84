import assert from "node:assert/strict";
import { groupTest, runRanks } from "./ranks.js";
import { gradientValue } from "./scenarios.js";

/** Sum of weight * gradient over the sum of the weights; only rank 0 has a gradient for parameter 3, no rank has one for parameter 4. */
function expected(weights: number[]): (number[] | null)[] {
  const sum = weights.reduce((a, b) => a + b);
  return [6, 4, 6, 5, 1].map((length, k) => {
    if (k === 4) return null;
    return Array.from({ length }, (_, j) =>
      weights.reduce(
        (total, weight, r) => total + (k === 3 && r > 0 ? 0 : (weight / sum) * gradientValue(r, k, j)),
        0,
      ),
    );
  });
}

for (const { weights, bucketBytes } of [
  { weights: [1, 1], bucketBytes: 1 << 20 },
  { weights: [3, 1], bucketBytes: 1 << 20 },
  { weights: [5, 2, 0], bucketBytes: 8 },
]) {
  groupTest(
    `averageGradients: weights ${weights.join(", ")}, buckets of ${bucketBytes} bytes: the weighted mean, the same bits on all ranks`,
    async () => {
      const detail = JSON.stringify({ weights, bucketBytes });
      const results = await runRanks<(number[] | null)[]>(weights.length, "averageGradients", { detail });
      for (const result of results) assert.deepEqual(result, results[0]);
      const tolerances = [1e-7, 1e-15, 2 ** -8, 1e-7]; // float32, float64, bfloat16, float32
      expected(weights).forEach((values, k) => {
        if (values === null)
          return assert.equal(results[0]?.[k], null, "no rank has a gradient, so none is created");
        const found = results[0]?.[k] ?? [];
        assert.equal(found.length, values.length);
        values.forEach((value, j) =>
          assert.ok(
            Math.abs((found[j] ?? NaN) - value) <= (tolerances[k] ?? 0) * value,
            `parameter ${k}: ${found[j]}, expected ${value}`,
          ),
        );
      });
    },
  );
}

groupTest("averageGradients: weights that are 0 on all ranks are refused on all ranks", async () => {
  for (const { name, message } of await runRanks<{ name: string; message: string }>(2, "noWeight")) {
    assert.equal(name, "ArgumentError");
    assert.match(message, /weight: expected a value above 0 on at least one rank/);
  }
});
