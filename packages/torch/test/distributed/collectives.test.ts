import assert from "node:assert/strict";
import { getNumThreads, liveTensors } from "../../src/index.js";
import {
  availability,
  available,
  destroyProcessGroup,
  isInitialized,
  rank,
  worldSize,
} from "../../src/distributed.js";
import { groupTest, runRanks } from "./ranks.js";
import { all, numbers, reductions, valuesOf } from "./scenarios.js";

const RANKS = 3;
const columns = [0, 1, 2, 3, 4, 5].map((k) => Array.from({ length: RANKS }, (_, r) => valuesOf(r)[k] ?? NaN));
const joined: Record<(typeof reductions)[number], (column: number[]) => number> = {
  sum: (column) => column.reduce((a, b) => a + b),
  mean: (column) => column.reduce((a, b) => a + b) / RANKS,
  min: (column) => Math.min(...column),
  max: (column) => Math.max(...column),
  product: (column) => column.reduce((a, b) => a * b),
};
/** Half a unit in the last place of the narrow ones; the others hold these values exactly but for a mean. */
const tolerance: Record<string, number> = { bfloat16: 2 ** -8, float16: 2 ** -11, float32: 1e-7 };

groupTest(
  "allReduce: three ranks, every reduction and number dtype, equal the values reduced by hand; all ranks have the same bits",
  async () => {
    const results = await runRanks<[string, (typeof reductions)[number], number[]][]>(RANKS, "allReduce");
    assert.deepEqual(results[1], results[0]);
    assert.deepEqual(results[2], results[0]);
    assert.equal(
      results[0]?.length,
      numbers.length * reductions.length - 5,
      "the five integer dtypes have no mean",
    );
    for (const [dtype, reduction, values] of results[0] ?? []) {
      values.forEach((value, k) => {
        const expected = joined[reduction](columns[k] ?? []);
        assert.ok(
          Math.abs(value - expected) <= (tolerance[dtype] ?? 1e-15) * expected,
          `${dtype} ${reduction}: ${value}, expected ${expected}`,
        );
      });
    }
  },
);

groupTest("broadcast: all ranks have the values of the source, in every dtype including bool", async () => {
  const expected = all.map((dtype) =>
    valuesOf(RANKS - 1).map((x) => (dtype === "bool" ? Number(x !== 0) : x)),
  );
  for (const values of await runRanks(RANKS, "broadcast")) assert.deepEqual(values, expected);
});

groupTest("allGather: every rank's tensor, by rank, in every dtype", async () => {
  const expected = all.map((dtype) =>
    Array.from({ length: RANKS }, (_, r) => [
      dtype,
      [2, 3],
      valuesOf(r).map((x) => (dtype === "bool" ? Number(x !== 0) : x)),
    ]),
  );
  for (const parts of await runRanks(RANKS, "allGather")) assert.deepEqual(parts, expected);
});

groupTest(
  "views, channels_last, single values and empty tensors give the same as dense tensors",
  async () => {
    const [first, second] = await runRanks<[string, number[], number[], number[][], number[]][]>(
      2,
      "layouts",
    );
    assert.deepEqual(second, first);
    for (const [name, sum, copy, parts] of first ?? []) {
      const [a = [], b = []] = parts;
      assert.deepEqual(
        sum,
        a.map((x, k) => x + (b[k] ?? NaN)),
        name,
      );
      assert.deepEqual(copy, b, name);
      assert.equal(
        a.length,
        { transposed: 16, narrowed: 8, "channels last": 16, "one value": 1, empty: 0 }[name],
        name,
      );
    }
    assert.deepEqual(first?.[0]?.[3][0], [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15]);
  },
);

groupTest(
  "ranks that make different calls all get a DistributedError that names both, and the group remains usable",
  async () => {
    type Thrown = { name: string; message: string; rank: number; worldSize: number };
    const results = await runRanks<{ errors: Thrown[]; after: number[] }>(2, "disagreement");
    for (const [place, { errors, after }] of results.entries()) {
      assert.deepEqual(
        errors.map(({ name }) => name),
        Array.from({ length: 6 }, () => "DistributedError"),
      );
      for (const error of errors) assert.deepEqual([error.rank, error.worldSize], [place, 2]);
      assert.deepEqual(after, [3]);
    }
    assert.match(
      results[0]?.errors[0]?.message ?? "",
      /^allReduce: rank 0 of 2: .*this one calls allReduce sum float32 \[2\], rank 1 calls allReduce sum float32 \[3\]\n.*same order/,
    );
    assert.match(
      results[0]?.errors[4]?.message ?? "",
      /this one calls allGather float32 \[2\], rank 1 calls barrier/,
    );
    assert.match(
      results[1]?.errors[5]?.message ?? "",
      /averageGradients of 0 parameters.*rank 0 calls averageGradients of 1 parameters, 6 values/,
    );
  },
);

groupTest(
  "a group knows its rank and size; a second group, bool sums, expanded views, means of integers and ranks that are none are refused",
  async () => {
    const refused = Array.from({ length: 5 }, () => "ArgumentError");
    assert.deepEqual(await runRanks(2, "facts"), [
      [0, 2, true, ...refused],
      [1, 2, true, ...refused],
    ]);
  },
);

groupTest("without a group: rank 0 of 1, and leaving does nothing", async () => {
  const before = [liveTensors(), getNumThreads()];
  assert.ok(available());
  assert.deepEqual([availability().reason, availability().remedy], ["", ""]);
  destroyProcessGroup();
  assert.deepEqual([isInitialized(), rank(), worldSize()], [false, 0, 1]);
  assert.deepEqual([liveTensors(), getNumThreads()], before);
  await Promise.resolve();
});
