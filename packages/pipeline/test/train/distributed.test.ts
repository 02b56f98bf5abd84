/** Training in several processes takes the steps of one: real processes, on models of the product. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { liveTensors, scope, setNumThreads } from "@slicestack/torch";
import { availability } from "@slicestack/torch/distributed";
import { readSafetensors } from "../../src/weights/safetensors.js";
import { anyRank, joinWorld, meanOverRanks, shardBatch } from "../../src/train/distributed.js";
import { launchProcesses } from "../../src/train/launch.js";
import { worldFromEnvironment, type World } from "../../src/train/world.js";
import { step, type StepCase } from "./shard-case.js";

const { backends, reason } = availability();
const skip = backends.length > 0 ? false : reason;
const folder = mkdtempSync(join(tmpdir(), "slicestack-distributed-"));
after(() => rmSync(folder, { recursive: true }));
setNumThreads(1);

/** 5 items: shards of 3 and 2. 1 item: one of 1 and an empty one. */
const cases: StepCase[] = [
  { name: "attention head", dtype: "float64", items: 5 },
  { name: "attention head", dtype: "float32", items: 5 },
  { name: "attention head", dtype: "float64", items: 1 },
  { name: "slice_cnn with SyncBatchNorm", dtype: "float64", items: 5 },
  { name: "slice_cnn with SyncBatchNorm", dtype: "float32", items: 5 },
  { name: "slice_cnn with SyncBatchNorm", dtype: "float64", items: 1 },
  { name: "slice_cnn", dtype: "float64", items: 5 },
];
const tolerance = { float64: 1e-10, float32: 1e-5 };

interface Values {
  gradients: Map<string, number[]>;
  buffers: Map<string, number[]>;
  shared: Map<string, number[]>;
  metadata: Record<string, string>;
}

function readRank(k: number, rank: number): Values {
  return scope(() => {
    const { tensors, metadata } = readSafetensors(join(folder, `${k}-${rank}.safetensors`));
    const below = (prefix: string) =>
      new Map(
        [...tensors]
          .filter(([name]) => name.startsWith(prefix))
          .map(([name, x]) => [name.slice(prefix.length), x.toArray()]),
      );
    return { gradients: below("grad."), buffers: below("buffer."), shared: below("shared."), metadata };
  });
}

function single(stepCase: StepCase): Omit<Values, "metadata" | "shared"> & { loss: number } {
  return scope(() => {
    const { model, loss } = step(stepCase, 0, 1);
    const gradients = new Map(
      [...model.namedParameters()].map(([name, x]) => [name, x.grad?.toArray() ?? []]),
    );
    const buffers = new Map([...model.namedBuffers()].map(([name, x]) => [name, x.toArray()]));
    model.dispose();
    return { gradients, buffers, loss };
  });
}

const norm = (values: readonly number[]) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

/**
 * The largest 2-norm of a tensor's difference, against the norm of the tensor; against the largest norm of all
 * where the tensor is 0 but for rounding, as the gradient of a bias before batch norm or a softmax is.
 */
function worst(found: ReadonlyMap<string, number[]>, expected: ReadonlyMap<string, number[]>): number {
  assert.deepEqual([...found.keys()].sort(), [...expected.keys()].sort());
  const largest = Math.max(...[...expected.values()].map(norm));
  const each = [...expected].map(([name, values]) => {
    const others = found.get(name) ?? [];
    assert.equal(others.length, values.length, name);
    const scale = norm(values) < 1e-5 * largest ? largest : norm(values);
    return norm(values.map((value, j) => value - (others[j] ?? NaN))) / scale;
  });
  return each.reduce((most, value) => (value <= most ? most : value), 0); // not a number is the worst
}

let launched: Promise<unknown> | undefined;
/** All cases in one start of two processes: libtorch loads in a second. */
async function launchAll(): Promise<void> {
  const child = fileURLToPath(new URL("./shard-child.js", import.meta.url));
  launched ??= launchProcesses(2, process.execPath, [child, folder, JSON.stringify(cases)], {
    cores: 2,
  }).then((result) => assert.deepEqual(result, { exitCode: 0, failed: null }));
  await launched;
}

for (const [k, stepCase] of cases.entries()) {
  const { name, dtype, items } = stepCase;
  const title = `two processes, ${name}, ${dtype}, a batch of ${items}`;
  if (name === "slice_cnn") {
    test(
      `${title}: without synchronised batch norm, the gradient differs, and the layers are named for the log`,
      { skip },
      async () => {
        await launchAll();
        const [first, second] = [readRank(k, 0), readRank(k, 1)];
        assert.ok(worst(first.gradients, single(stepCase).gradients) > 1e-3);
        assert.notDeepEqual(first.buffers, second.buffers);
        assert.deepEqual(first.shared, second.shared, "shareModel: all have rank 0's");
        assert.deepEqual(second.shared, first.buffers);
        assert.equal(first.metadata["local"], "bn1,bn2,bn3");
      },
    );
    continue;
  }
  test(
    `${title}: loss, gradients and buffers equal those of one process to ${tolerance[dtype]}`,
    { skip },
    async () => {
      await launchAll();
      const before = liveTensors();
      const [first, second] = [readRank(k, 0), readRank(k, 1)];
      const whole = single(stepCase);
      assert.deepEqual(second.gradients, first.gradients, "the same bits on both");
      assert.deepEqual(second.buffers, first.buffers);
      const difference = worst(first.gradients, whole.gradients);
      assert.ok(difference <= tolerance[dtype], `gradients: ${difference}`);
      assert.ok(whole.buffers.size === 0 || worst(first.buffers, whole.buffers) <= tolerance[dtype]);
      assert.ok(Math.abs(Number(first.metadata["loss"]) / whole.loss - 1) <= tolerance[dtype]);
      assert.deepEqual(
        [first.metadata["local"], first.metadata["any"], second.metadata["any"]],
        ["", "true", "true"],
      );
      assert.equal(liveTensors(), before);
    },
  );
}

test("shards of any number of ranks are the batch, in order, of nearly equal size; their loss scales have mean 1", () => {
  for (const items of [0, 1, 2, 7, 16]) {
    const batch = Array.from({ length: items }, (_, k) => `item ${k}`);
    for (const ranks of [1, 2, 3, 8]) {
      const shards = Array.from({ length: ranks }, (_, rank) => shardBatch(batch, rank, ranks));
      assert.deepEqual(
        shards.flatMap((shard) => shard.items),
        batch,
      );
      const sizes = shards.map((shard) => shard.items.length);
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
      for (const { first, items: own } of shards)
        assert.deepEqual(batch.slice(first, first + own.length), own);
      const scales = shards.reduce((sum, { lossScale }) => sum + lossScale, 0);
      assert.ok(Math.abs(scales - (items === 0 ? 0 : ranks)) < 1e-12);
    }
  }
  for (const [rank, ranks] of [
    [2, 2],
    [-1, 2],
    [0, 0],
    [0.5, 2],
  ] as const)
    assert.throws(() => shardBatch([1], rank, ranks), RangeError);
});

test("in a world of one process, joining, reducing and averaging change nothing", () => {
  const world = worldFromEnvironment({}) as World;
  assert.deepEqual(
    joinWorld(world, {}, () => [anyRank(false), anyRank(true), meanOverRanks(2.5, 3)]),
    [false, true, 2.5],
  );
});
