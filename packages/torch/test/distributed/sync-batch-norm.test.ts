import assert from "node:assert/strict";
import { scope, zeros, type DType } from "../../src/index.js";
import {
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  convertSyncBatchNorm,
  Linear,
  ModuleList,
  ReLU,
  Sequential,
  SyncBatchNorm,
} from "../../src/nn/index.js";
import { scopedTest } from "../support.js";
import { normaliseWhole, type NormCase, type NormResult } from "./norm-case.js";
import { groupTest, runRanks } from "./ranks.js";

const base: NormCase = {
  rows: [3, 3],
  channels: 3,
  rest: [4, 5],
  dtype: "float64",
  affine: true,
  channelsLast: false,
  training: true,
};
const cases: { name: string; norm: NormCase }[] = [
  { name: "two equal shards", norm: base },
  { name: "x_NC", norm: { ...base, rest: [] } },
  { name: "x_NCL of three unequal shards", norm: { ...base, rows: [1, 4, 2], rest: [6] } },
  { name: "x_NCDHW", norm: { ...base, rows: [1, 2], rest: [2, 3, 2] } },
  { name: "an empty shard", norm: { ...base, rows: [4, 0] } },
  { name: "one value a channel on a rank", norm: { ...base, rows: [1, 1], rest: [] } },
  { name: "no weight and bias", norm: { ...base, rows: [2, 3], affine: false } },
  { name: "channels_last", norm: { ...base, rows: [2, 3], channelsLast: true } },
  { name: "evaluation", norm: { ...base, rows: [2, 3], training: false } },
  { name: "float32", norm: { ...base, rows: [2, 3], dtype: "float32" } },
];

function close(found: number[], expected: number[], tolerance: number, what: string): void {
  assert.equal(found.length, expected.length, what);
  expected.forEach((value, k) => {
    const difference = Math.abs((found[k] ?? NaN) - value);
    assert.ok(
      difference <= tolerance * (1 + Math.abs(value)),
      `${what} at ${k}: ${found[k]}, expected ${value}`,
    );
  });
}
const summed = (parts: (number[] | null)[]): number[] =>
  (parts[0] ?? []).map((_, k) => parts.reduce((sum, part) => sum + (part?.[k] ?? NaN), 0));

for (const { name, norm } of cases) {
  const tolerance = ({ float64: 1e-10, float32: 1e-5 } as Partial<Record<DType, number>>)[norm.dtype] ?? 0;
  groupTest(
    `SyncBatchNorm, ${name}: outputs, gradients and running statistics equal BatchNorm's over the whole batch to ${tolerance}`,
    async () => {
      const whole = scope(() => normaliseWhole(norm));
      const parts = await runRanks<NormResult>(norm.rows.length, "syncBatchNorm", {
        detail: JSON.stringify(norm),
      });
      close(
        parts.flatMap(({ y }) => y),
        whole.y,
        tolerance,
        "y",
      );
      close(
        parts.flatMap(({ dx }) => dx),
        whole.dx,
        tolerance,
        "dx",
      );
      close(summed(parts.map(({ dweight }) => dweight)), whole.dweight ?? [], tolerance, "dweight");
      close(summed(parts.map(({ dbias }) => dbias)), whole.dbias ?? [], tolerance, "dbias");
      for (const { mean, variance } of parts) {
        close(mean, whole.mean, tolerance, "running mean");
        close(variance, whole.variance, tolerance, "running variance");
        assert.deepEqual(mean, parts[0]?.mean, "the same bits on all ranks");
      }
    },
  );
}

groupTest("SyncBatchNorm with momentum null averages all batches, as BatchNorm does", async () => {
  const [first, second] = await runRanks<[number[], number[], number]>(2, "momentum");
  assert.deepEqual(second, first);
  // Rank 0 sees k + step, rank 1 sees 2k + step, k = 0..3 in the first channel: mean 2.25 + step, sum of squared deviations 29.5 of 8 values.
  close(first?.[0].slice(0, 1) ?? [], [2.75], 1e-6, "mean");
  close(first?.[1].slice(0, 1) ?? [], [29.5 / 7], 1e-6, "variance");
  assert.equal(first?.[2], 2);
});

scopedTest("SyncBatchNorm without a group is BatchNorm, bit for bit", () => {
  const x = zeros([4, 2, 3]).normal_();
  const [plain, sync] = [new BatchNorm1d(2), SyncBatchNorm.from(new BatchNorm1d(2))];
  assert.deepEqual(sync.forward(x).toArray(), plain.forward(x).toArray());
  assert.deepEqual(sync.running_var?.toArray(), plain.running_var?.toArray());
  plain.dispose();
  sync.dispose();
});

scopedTest(
  "convertSyncBatchNorm: in lists and nested, with the same parameters, names and mode; a layer that is used twice remains shared",
  () => {
    const shared = new BatchNorm2d(2);
    const model = new Sequential(
      new Conv2d(1, 2, 3),
      shared,
      new Sequential(new ReLU(), new BatchNorm2d(2, { affine: false }), shared),
    ).eval();
    const names = [...scope(() => model.stateDict()).keys()];
    const parameters = model.parameters();
    assert.equal(convertSyncBatchNorm(model), model);
    assert.deepEqual([...scope(() => model.stateDict()).keys()], names);
    assert.deepEqual(model.parameters(), parameters);
    const layers = [...model.namedModules().values()].filter(
      (module) => module instanceof BatchNorm2d || module instanceof SyncBatchNorm,
    );
    assert.equal(layers.length, 2);
    for (const layer of layers) assert.ok(layer instanceof SyncBatchNorm && !layer.training);
    assert.equal(
      convertSyncBatchNorm(model).parameters()[2],
      parameters[2],
      "a second conversion changes nothing",
    );
    model.dispose();

    const alone = new BatchNorm1d(3, { eps: 0.1, momentum: 0.2 });
    const converted = convertSyncBatchNorm(alone);
    assert.ok(converted instanceof SyncBatchNorm);
    assert.deepEqual([converted.eps, converted.momentum, converted.weight], [0.1, 0.2, alone.weight]);
    converted.dispose();
    const list = new ModuleList([new Linear(1, 1)]);
    assert.throws(() => list.replaceChild("1", new ReLU()), /there is no child '1'/);
    list.dispose();
  },
);
