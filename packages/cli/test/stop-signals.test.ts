import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { StopSignals } from "../src/stop-signals.js";

test("the first signal aborts, the second quits, and close takes the listeners back", () => {
  const source = new EventEmitter();
  const calls: string[] = [];
  const stop = new StopSignals({ source, onFirst: () => calls.push("first"), onSecond: () => calls.push("second") });
  assert.equal(stop.signal.aborted, false);
  source.emit("SIGTERM");
  assert.equal(stop.signal.aborted, true);
  source.emit("SIGINT");
  assert.deepEqual(calls, ["first", "second"]);
  stop.close();
  assert.equal(source.listenerCount("SIGINT") + source.listenerCount("SIGTERM"), 0);
});
