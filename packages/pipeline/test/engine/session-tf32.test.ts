/** TensorFloat-32 belongs to a session: set for its jobs, restored after them, and never two settings at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ArgumentError, holdTf32, isTf32Allowed, releaseTf32, setTf32 } from "@slicestack/torch";
import { EngineSession, type SessionOptions } from "../../src/engine/session.js";
import type { Tf32Job } from "./tf32-job.js";

const url = new URL("./tf32-job.js", import.meta.url);

/** Starts a job that holds the setting of its session until `stop` is called. */
async function holding(session: EngineSession): Promise<{ stop: () => void; result: Promise<boolean> }> {
  const controller = new AbortController();
  let result: Promise<boolean> = Promise.resolve(false);
  await new Promise<void>((onEvent, reject) => {
    result = session.run<Tf32Job, boolean>(
      url,
      { waits: true },
      { signal: controller.signal, onEvent: () => onEvent() },
    );
    result.catch(reject);
  });
  return { stop: () => controller.abort(), result };
}

test("a job has its session's setting, and the process has its previous one after the job, even if it fails", async () => {
  const before = isTf32Allowed();
  for (const process of [true, false]) {
    setTf32(process);
    for (const options of [{}, { tf32: true }, { tf32: false }] satisfies SessionOptions[]) {
      await using session = new EngineSession(options);
      assert.equal(await session.run<Tf32Job, boolean>(url, {}), options.tf32 ?? true);
      assert.equal(isTf32Allowed(), process);
      await assert.rejects(session.run<Tf32Job, boolean>(url, { fails: true }), RangeError);
      assert.equal(isTf32Allowed(), process);
    }
  }
  setTf32(before);
});

test("of two sessions that disagree, the later job is refused until the earlier one has ended", async () => {
  const before = isTf32Allowed();
  await using exact = new EngineSession({ tf32: false });
  await using fast = new EngineSession({ tf32: true });
  await using alsoFast = new EngineSession();
  const { stop, result } = await holding(fast);
  await assert.rejects(exact.run<Tf32Job, boolean>(url, {}), (error: unknown) => {
    assert.ok(error instanceof ArgumentError);
    assert.match(
      error.message,
      /expected true, received false: TF32 is a setting of the whole process.* with it enabled/,
    );
    return true;
  });
  assert.throws(() => setTf32(false), ArgumentError);
  assert.equal(await alsoFast.run<Tf32Job, boolean>(url, {}), true);
  assert.equal(isTf32Allowed(), true, "the first job still holds it");
  stop();
  assert.equal(await result, true);
  assert.equal(await exact.run<Tf32Job, boolean>(url, {}), false);
  assert.equal(isTf32Allowed(), before);
});

test("a session that is terminated in a job no longer holds its setting", async () => {
  const before = isTf32Allowed();
  const fast = new EngineSession();
  const { result } = await holding(fast);
  const ended = assert.rejects(result);
  await fast.terminate();
  await ended;
  assert.equal(isTf32Allowed(), before);
  holdTf32(false);
  assert.equal(isTf32Allowed(), false);
  releaseTf32();
  assert.equal(isTf32Allowed(), before);
});
