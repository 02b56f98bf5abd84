/** How the tasks of a stage become job arrays, and what the end of an attempt means. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { JobFolder, type TaskOutcome } from "../../../src/slurm/job-folder.js";
import { arraysOf, throttled, type PlannedTask } from "../../../src/sweep/slurm/arrays.js";
import type { Attempt, AttemptState } from "../../../src/sweep/slurm/attempts.js";
import { verdictOf } from "../../../src/sweep/slurm/verdict.js";

const folder = new JobFolder("submission");
const lost = (state: string | null, signal: number | null = null, isMemory = false): AttemptState => ({
  is: "lost",
  state,
  signal,
  isMemory,
});
const attempt = (element: number, state = lost(null)): Attempt => {
  const place = { folder, comment: "c", element, state, missed: 0 };
  return { trial: "000000", pieces: 1, parent: null, stage: "slice", ...place };
};
const task = (trial: number, after: number | null, delay = 0): PlannedTask => ({
  trial: String(trial),
  pieces: 1,
  after: after === null ? null : attempt(after),
  delay,
});
const shown = (tasks: readonly PlannedTask[], maxSize = 1001, most?: number) =>
  arraysOf(tasks, maxSize, most).map(({ tasks: of, elements, after, delay }) => ({
    trials: of.map(({ trial }) => trial).join(),
    elements: elements.join(),
    after: after === null ? "" : after.element === null ? "each" : `element ${after.element}`,
    delay,
  }));

test("tasks that wait for nothing: arrays of at most MaxArraySize; a retry with its delay is another one", () => {
  assert.deepEqual(shown([task(0, null), task(1, null), task(2, null), task(3, null, 30)], 2), [
    { trials: "0,1", elements: "0,1", after: "", delay: 0 },
    { trials: "2", elements: "0", after: "", delay: 0 },
    { trials: "3", elements: "0", after: "", delay: 30 },
  ]);
});

test("where the queue has room for two: pieces that keep their indices, and what they wait for", () => {
  assert.deepEqual(shown([task(0, null), task(1, null), task(2, null)], 1001, 2), [
    { trials: "0,1", elements: "0,1", after: "", delay: 0 },
    { trials: "2", elements: "2", after: "", delay: 0 },
  ]);
  assert.deepEqual(shown([task(5, 0), task(6, 1), task(7, 2)], 1001, 2), [
    { trials: "5,6", elements: "0,1", after: "each", delay: 0 },
    { trials: "7", elements: "2", after: "each", delay: 0 },
  ]);
  assert.equal(shown([task(0, null), task(1, null)], 1001, Infinity).length, 1);
});

test("each waits for another one: one array whose elements correspond; many wait for one: an array for that one", () => {
  assert.deepEqual(shown([task(0, 7), task(1, 3), task(2, 5)]), [
    { trials: "1,2,0", elements: "3,5,7", after: "each", delay: 0 },
  ]);
  assert.deepEqual(shown([task(0, 0), task(1, 1), task(2, 0), task(3, 0), task(4, 1)]), [
    { trials: "0,2,3", elements: "0,1,2", after: "element 0", delay: 0 },
    { trials: "1,4", elements: "0,1", after: "element 1", delay: 0 },
  ]);
});

test("several arrays keep to one throttle together", () => {
  const arrays = arraysOf([task(0, null), task(1, null), task(2, null)], 1);
  const parts = (throttle: number | null) =>
    throttled(arrays, throttle).map((one) => [one.throttle, one.behind]);
  assert.deepEqual(
    parts(null),
    Array.from({ length: 3 }, () => [undefined, null]),
  );
  assert.deepEqual(parts(7), [
    [3, null],
    [2, null],
    [2, null],
  ]);
  assert.deepEqual(parts(2), [
    [1, null],
    [1, null],
    [1, 0],
  ]);
});

test("what Slurm ends is submitted again, what fails counts, and what a user cancelled stays cancelled", () => {
  const of = (state: AttemptState, couldStart = true) => verdictOf(attempt(0, state), 5, couldStart).is;
  const ended = (change: Partial<TaskOutcome>, isMemory = false): AttemptState => {
    const outcome = {
      code: 0,
      signal: null,
      stopped: false,
      job: "1_0",
      restarts: 0,
      host: "h",
      seconds: 1,
      ...change,
    };
    return { is: "ended", outcome, isMemory };
  };
  const again = ["NODE_FAIL", "PREEMPTED", "TIMEOUT", "BOOT_FAIL", null].map((state) => of(lost(state)));
  assert.deepEqual([...new Set(again)], ["again"]);
  assert.deepEqual([of(lost("CANCELLED")), of(lost("CANCELLED"), false)], ["cancelled", "again"]);
  assert.deepEqual([of(lost("OUT_OF_MEMORY")), of(lost("FAILED"))], ["failed", "failed"]);
  assert.deepEqual(
    [of(lost("FAILED", 10)), of(lost("FAILED", 15)), of(lost("FAILED", 9))],
    ["again", "again", "failed"],
  );
  assert.deepEqual([of(ended({})), of(ended({ code: 3 }))], ["done", "failed"]);
  const memory = verdictOf(attempt(0, lost("FAILED", null, true)), 5, true);
  assert.match(
    (memory as { reason: string }).reason,
    /^it used more memory than its job was given: raise mem/,
  );
  assert.deepEqual(verdictOf(attempt(0, ended({ code: null, signal: "SIGKILL" }, true)), 5, true), memory);
  assert.deepEqual(
    [of(ended({ code: 130, stopped: true })), of({ is: "active", phase: "waiting", id: "1_0" })],
    ["cancelled", "active"],
  );
  assert.equal(of(ended({ code: 130, stopped: true, refused: true })), "again");
  const verdict = verdictOf(attempt(0, ended({ code: 130, stopped: true, restarts: 5 })), 5, true);
  assert.deepEqual(verdict, {
    is: "failed",
    reason: "it was requeued 5 times: its time limit is too short",
    isFinal: true,
  });
  assert.equal((verdictOf(attempt(0, ended({ code: 2 })), 5, true) as { isFinal: boolean }).isFinal, true);
});
