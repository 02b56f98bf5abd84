/** Uploads that wait at the same time share batches, and one that ends a worker takes no other with it. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import { Predictor } from "@slicestack/pipeline";
import type { Prediction } from "../src/index.js";
import { WorkerGate } from "../src/jobs/worker-gate.js";
import { scratch, started, trainedModel, type Trained } from "./support.js";

let trained: Trained;
before(async () => {
  trained = await trainedModel(scratch());
});

test("uploads of one moment get the numbers of each alone, and the metrics count their batches", async () => {
  const folder = dirname(trained.scan);
  const scans = readdirSync(folder)
    .filter((name) => name.endsWith(".nii.gz"))
    .slice(0, 12)
    .map((name) => join(folder, name));
  const { client, server } = await started(trained, { together: 6 });
  const answers = await Promise.all(scans.map((scan) => client.post(readFileSync(scan))));
  using model = await Predictor.open(trained.run, { threads: 1 });
  for (const [k, answer] of answers.entries()) {
    const { id } = (await answer.json()) as Prediction;
    const { results } = await client.ended(id);
    const [expected] = await model.predict(scans[k]!, { jobs: 1 });
    for (const [name, value] of Object.entries(results![0]!.probabilities))
      assert.ok(Math.abs(value - expected!.probabilities[name]!) <= 1e-6, `${name}: ${value}`);
  }
  const metrics = await (await client.send("GET", "/metrics")).text();
  const valueOf = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(metrics)![1]);
  assert.equal(valueOf("slicestack_batch_scans_sum"), 12);
  assert.ok(valueOf("slicestack_batch_scans_count") <= 12);
  assert.equal(valueOf("slicestack_slices_total"), 12 * 6);
  await server.close();
});

test("a worker that dies with several predictions: each is tried once more, alone, and all are done", async () => {
  const { client, server } = await started(trained, { together: 4 });
  const answers = await Promise.all(Array.from({ length: 4 }, () => client.post(trained.scan, "?maps=ig")));
  const ids = await Promise.all(answers.map(async (one) => ((await one.json()) as Prediction).id));
  process.kill(server.workers[0]!, "SIGKILL");
  for (const id of ids) assert.equal((await client.ended(id)).state, "done");
  await server.close();
});

test("a gate lets several in, or one alone, in the order of arrival", async () => {
  const gate = new WorkerGate();
  const order: string[] = [];
  const enter = async (name: string, isAlone: boolean) => {
    const leave = await gate.enter(isAlone, new AbortController().signal);
    order.push(`+${name}`);
    return () => {
      order.push(`-${name}`);
      leave();
    };
  };
  const [a, b] = await Promise.all([enter("a", false), enter("b", false)]);
  const [c, d] = [enter("c", true), enter("d", false)];
  a();
  b();
  (await c)();
  (await d)();
  assert.deepEqual(order, ["+a", "+b", "-a", "-b", "+c", "-c", "+d", "-d"]);
});

test("one that waits at a gate and is cancelled lets those behind it in, and holds no place", async () => {
  const gate = new WorkerGate();
  const never = new AbortController().signal;
  const inside = await gate.enter(false, never);
  const cancelled = new AbortController();
  const alone = gate.enter(true, cancelled.signal);
  const behind = gate.enter(false, never);
  cancelled.abort();
  (await alone)();
  (await behind)();
  const next = gate.enter(true, never); // the first is still inside
  assert.equal(
    await Promise.race([next.then(() => "in"), new Promise((go) => setImmediate(go, "waits"))]),
    "waits",
  );
  inside();
  (await next)();
});
