/** A session runs many jobs in one thread, is stopped, closed and terminated, and outlives a job that fails. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TorchError } from "@slicestack/torch";
import { EngineSession, runJob } from "../../src/engine/session.js";
import { SessionError } from "../../src/engine/thread-errors.js";
import type { TorchJob, TorchJobDone } from "./torch-job.js";

const multiply = new URL("./torch-job.js", import.meta.url);
const threads = new URL("./threads-job.js", import.meta.url);

test("jobs of a session run in one thread, in the order in which they were asked for, and leave no tensor", async () => {
  await using session = new EngineSession();
  const order: number[] = [];
  const jobs = [3, 2, 1].map(async (count) => {
    const done = await session.run<TorchJob, TorchJobDone>(multiply, { size: 64, count });
    order.push(count);
    return done;
  });
  const results = await Promise.all(jobs);
  assert.deepEqual(order, [3, 2, 1]);
  assert.equal(new Set(results.map(({ thread }) => thread)).size, 1);
  assert.deepEqual(
    results.map(({ live }) => live),
    [0, 0, 0],
  );
});

test("after a job fails, in its code or in libtorch, session and thread can run the next one", async () => {
  await using session = new EngineSession();
  const before = await session.run<TorchJob, TorchJobDone>(multiply, { size: 8, count: 1 });
  await assert.rejects(session.run(multiply, { size: 8, count: 2, fails: true }), RangeError);
  await assert.rejects(session.run(multiply, { size: -1, count: 2 }), TorchError);
  await assert.rejects(session.run(new URL("./not-there.js", import.meta.url), {}), /not-there/);
  const after = await session.run<TorchJob, TorchJobDone>(multiply, { size: 8, count: 1 });
  assert.deepEqual([after.thread, after.live], [before.thread, 0]);
});

test("an abort reaches the job that runs, and not the one after it", async () => {
  await using session = new EngineSession();
  const controller = new AbortController();
  const stopped = session.run<TorchJob, TorchJobDone>(
    multiply,
    { size: 32, count: 1e7 },
    { signal: controller.signal, onEvent: () => controller.abort() },
  );
  const next = session.run<TorchJob, TorchJobDone>(multiply, { size: 32, count: 5 });
  assert.ok((await stopped).done < 1e7);
  assert.equal((await next).done, 5);
});

test("terminate ends a job in the middle of an operation; close lets it end; both refuse further jobs", async () => {
  const session = new EngineSession();
  let begin: () => void = () => undefined;
  const began = new Promise<void>((resolve) => (begin = resolve));
  const running = session.run(multiply, { size: 700, count: 1e7 }, { onEvent: begin });
  const waiting = session.run(multiply, { size: 8, count: 1 });
  const both = Promise.all([assert.rejects(running, SessionError), assert.rejects(waiting, SessionError)]);
  await began;
  await session.terminate();
  await both;
  await assert.rejects(session.run(multiply, { size: 8, count: 1 }), SessionError);

  const other = new EngineSession();
  const last = other.run<TorchJob, TorchJobDone>(multiply, { size: 8, count: 4 });
  await other.close();
  assert.equal((await last).done, 4);
  await assert.rejects(other.run(multiply, { size: 8, count: 1 }), SessionError);
});

test("two sessions have different numbers of threads at the same time", async () => {
  await using one = new EngineSession();
  await using two = new EngineSession();
  const counts = await Promise.all([
    one.run(threads, { threads: 1, wait: 200 }),
    two.run(threads, { threads: 2, wait: 200 }),
  ]);
  assert.deepEqual(counts, [
    [1, 1],
    [2, 2],
  ]);
  assert.deepEqual(await one.run(threads, { threads: null, wait: 0 }), [1, 1]);
});

test("an error of a class that this thread has not loaded arrives as that class", async () => {
  const job = runJob(new URL("./throwing-job.js", import.meta.url), "late", {});
  const error = await job.then(
    () => assert.fail("the job ended well"),
    (thrown: unknown) => thrown,
  );
  const { InspectError } = await import("../../src/inspect/errors.js");
  assert.ok(error instanceof InspectError);
  assert.equal(error.remedy, "Load it.");
});
