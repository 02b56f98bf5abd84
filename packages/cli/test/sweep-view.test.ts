import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import type { SweepStatus, Trial } from "@slicestack/pipeline/internal";
import { createSweepView } from "../src/sweep-view.js";

const trial: Trial = {
  id: "000003",
  number: 3,
  point: {
    number: 1,
    name: null,
    values: { "head.model": "mean", "slice.dropout": 0 },
    settings: {},
    source: "grid",
  },
  seed: 0,
  fold: 2,
};
const status: SweepStatus = {
  name: "heads",
  folder: "/runs/heads",
  trials: 10,
  counts: { queued: 5, leased: 1, done: 3, failed: 1, cancelled: 0, paused: 0 },
  finished: 3,
  pruned: 0,
  running: [{ trial, isSlice: false, started: 1_000_000, attempt: 2 }],
  meanSeconds: 60,
  rate: 60,
  remainingSeconds: 360,
  objective: "accuracy",
  best: { point: trial.point, objective: 0.8125 },
  isPaused: false,
  failed: [{ trial: "000001", error: "the loss is NaN" }],
};
const summary = { status: "finished", objective: 0.75, epochs: 4, seconds: 61 } as const;
const event = { kind: "finished", trial, isSlice: false, reason: null, summary } as const;

function streamOf(isTTY: boolean) {
  let text = "";
  const stream = new Writable({
    write: (chunk: Buffer, _, done) => {
      text += chunk.toString();
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY, columns: 60 }), text: () => text };
}

test("without a terminal: a line for each event, and once a minute where the sweep stands", () => {
  const { stream, text } = streamOf(false);
  const clock = { now: 1_030_000 };
  const view = createSweepView(stream, () => clock.now);
  view.status(status);
  view.event(event);
  clock.now += 61_000;
  view.status(status);
  view.status(status);
  view.close();
  assert.equal(
    text(),
    "000003  head.model mean, slice.dropout 0, seed 0, fold 2: finished: accuracy 0.75 in 1:01\n" +
      "4/10 trials  1 running  1 failed  60 trials/h  6:00 left  best accuracy 0.813 (point 1)\n",
  );
});

test("on a terminal the table is cleared, the event written above it, and drawn again, no line wider than the terminal", () => {
  const { stream, text } = streamOf(true);
  const view = createSweepView(stream, () => 1_030_000);
  view.status(status);
  view.event(event);
  view.close();
  const table =
    "4/10 trials  1 running  1 failed  60 trials/h  6:00 left  b\n      0:30  000003  head.model mean, slice.dropout 0, seed \n";
  const clear = "\u001b[2A\r\u001b[J";
  assert.equal(text().split(clear).length, 3);
  const [first, second, last] = text().split(clear);
  assert.equal(last, "");
  assert.equal(first, table);
  assert.ok(second?.startsWith("000003  head.model mean") && second.endsWith(table));
});
