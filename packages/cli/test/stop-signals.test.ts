import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { StopSignals } from "../src/stop-signals.js";

/** @returns what emits the signals, what was called, and the listeners under test */
function listening(env: Record<string, string>) {
  const source = new EventEmitter();
  const calls: string[] = [];
  const options = { source, onFirst: () => calls.push("first"), onSecond: () => calls.push("second"), env };
  return { source, calls, stop: new StopSignals(options) };
}

test("the first signal aborts, the second quits, and close takes the listeners back", () => {
  const { source, calls, stop } = listening({});
  assert.equal(stop.signal.aborted, false);
  source.emit("SIGTERM");
  assert.equal(stop.signal.aborted, true);
  source.emit("SIGINT");
  assert.deepEqual(calls, ["first", "second"]);
  stop.close();
  const left = ["SIGINT", "SIGTERM", "SIGUSR1"].map((name) => source.listenerCount(name));
  assert.deepEqual(left, [0, 0, 0]);
});

test("SIGUSR1, a batch system's warning, aborts too, and does not count as a person's first", () => {
  const { source, calls, stop } = listening({});
  for (const name of ["SIGUSR1", "SIGUSR1", "SIGTERM"]) source.emit(name);
  assert.deepEqual([stop.signal.aborted, calls], [true, ["first"]]);
  source.emit("SIGTERM");
  assert.deepEqual(calls, ["first", "second"]);
});

test("in a job of Slurm, SIGTERM never quits before the state is saved; Ctrl-C twice does", () => {
  const { source, calls } = listening({ SLURM_JOB_ID: "17" });
  for (const name of ["SIGTERM", "SIGTERM", "SIGUSR1", "SIGINT"]) source.emit(name);
  assert.deepEqual(calls, ["first"]);
  source.emit("SIGINT");
  assert.deepEqual(calls, ["first", "second"]);
});
