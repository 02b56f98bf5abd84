import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import {
  ArgumentError,
  cat,
  full,
  getNumThreads,
  rand,
  setNumThreads,
  type Tensor,
} from "../../src/index.js";
import { native } from "../../src/native/load.js";
import { leakTest } from "../support.js";
import { trainSmall } from "./train-small.js";

const start = (seed: number, endless = false) =>
  new Worker(new URL("./worker-child.js", import.meta.url), { workerData: { seed, endless } });
async function result(worker: Worker): Promise<number[]> {
  const ended = once(worker, "exit").then(([code]) => code as number);
  const early = ended.then((code) => assert.fail(`the worker ended with code ${code} and sent nothing`));
  const [losses] = (await Promise.race([once(worker, "message"), early])) as [number[]];
  early.catch(() => undefined);
  assert.equal(await ended, 0);
  return losses;
}

leakTest(
  "two workers train at the same time with separate generators, and give the same results as a single thread",
  async () => {
    const threads = getNumThreads();
    const alone = [trainSmall(1), trainSmall(2)];
    const [first, second] = [start(1), start(2)];
    const here = trainSmall(3);
    const together = await Promise.all([result(first), result(second)]);
    assert.deepEqual(together, alone);
    assert.deepEqual(here, trainSmall(3));
    assert.notDeepEqual(alone[0], alone[1]);
    setNumThreads(threads);
  },
);

leakTest(
  "a handle of another thread is refused by name, and never means a tensor of this thread",
  async () => {
    // Both threads make as many tensors, so that places and generations are the same.
    const code = `
    import { parentPort } from "node:worker_threads";
    import { full } from "${new URL("../../src/index.js", import.meta.url).href}";
    const made = Array.from({ length: 500 }, (_, k) => full([1], k));
    parentPort.postMessage(made.map((x) => ({ ...x })));
    setInterval(() => made.length, 1000);`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
    const [posted] = (await once(worker, "message")) as [Tensor[]];
    const own = Array.from({ length: 500 }, (_, k) => full([1], -k));
    assert.equal(posted.length, 500);
    for (const foreign of posted) {
      assert.throws(() => cat([foreign]), {
        name: "ArgumentError",
        message: /a Tensor of this thread, received one of another thread.*toTypedArray/,
      });
      assert.equal(native().isAlive(foreign.handle), false);
      assert.throws(() => native().dispose([foreign.handle]), ArgumentError);
    }
    assert.ok(own.every((x, k) => x.item() === -k));
    for (const x of own) x.dispose();
    await worker.terminate();
  },
);

test("workers that are terminated in the middle of an op leave the process usable", async () => {
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
