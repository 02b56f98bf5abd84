import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { getNumThreads, rand, setNumThreads } from "../../src/index.js";
import { leakTest } from "../support.js";
import { trainSmall } from "./train-small.js";

const start = (seed: number, endless = false) =>
  new Worker(new URL("./worker-child.js", import.meta.url), { workerData: { seed, endless } });
async function result(worker: Worker): Promise<number[]> {
  const [losses] = (await once(worker, "message")) as [number[]];
  await once(worker, "exit");
  return losses;
}

leakTest("two workers at once train with generators of their own, and give what one thread alone gives", async () => {
  const threads = getNumThreads();
  const alone = [trainSmall(1), trainSmall(2)];
  const [first, second] = [start(1), start(2)];
  const here = trainSmall(3);
  const together = await Promise.all([result(first), result(second)]);
  assert.deepEqual(together, alone);
  assert.deepEqual(here, trainSmall(3));
  assert.notDeepEqual(alone[0], alone[1]);
  setNumThreads(threads);
});

test("workers that are terminated in the middle of an op leave the process sound", async () => {
  for (let k = 0; k < 5; k++) {
    const worker = start(k, true);
    await once(worker, "message");
    await new Promise((done) => setTimeout(done, 7 * k));
    assert.equal(await worker.terminate(), 1);
  }
  const x = rand([64, 64]);
  x.matmul(x).dispose();
  x.dispose();
});
