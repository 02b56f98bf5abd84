import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { clock, createProgressView, short, type ViewStream } from "../src/progress-view.js";

function plainView() {
  const stream = new PassThrough();
  let milliseconds = 0;
  const view = createProgressView(stream, () => milliseconds);
  const at = (seconds: number, done: number, more: { stage?: string; total?: number; message?: string } = {}) => {
    milliseconds = seconds * 1000;
    view.report({ stage: "slice epoch 1", done, total: 100, unit: "steps", ...more });
  };
  const lines = (): string[] => (stream.read() as Buffer | null)?.toString().trimEnd().split("\n") ?? [];
  return { view, at, lines };
}

test("plain lines: at most one every 5 s, with rate and remaining time, and one at the stage's end", () => {
  const { at, lines } = plainView();
  for (let second = 0; second <= 12; second++) at(second, second * 5);
  assert.deepEqual(lines(), [
    "slice epoch 1: 25/100 steps  5 steps/s, 0:15 left",
    "slice epoch 1: 50/100 steps  5 steps/s, 0:10 left",
  ]);
  at(12.5, 100);
  at(12.5, 100);
  assert.deepEqual(lines(), ["slice epoch 1: 100/100 steps  in 0:13"]);
});

test("plain lines: a stage that is left early, or starts again from 0, gets its last line", () => {
  const { view, at, lines } = plainView();
  at(0, 0);
  at(1, 40);
  at(2, 0, { stage: "embed" });
  assert.deepEqual(lines(), ["slice epoch 1: 40/100 steps  40 steps/s, 0:02 left"]);
  at(3, 30, { stage: "embed", message: "study_0001" });
  at(4, 10, { stage: "embed" });
  assert.deepEqual(lines(), ["embed: 30/100 steps  30 steps/s, 0:02 left  study_0001"]);
  view.close();
  view.close();
  assert.equal(lines().length, 1);
});

test("a resumed stage counts its rate from where it started; an unknown total has no remaining time", () => {
  const { at, lines } = plainView();
  at(0, 60);
  at(10, 80);
  assert.deepEqual(lines(), ["slice epoch 1: 80/100 steps  2 steps/s, 0:10 left"]);
  const unknown = plainView();
  unknown.at(0, 0, { total: 0 });
  unknown.at(10, 5, { total: 0 });
  assert.deepEqual(unknown.lines(), ["slice epoch 1: 5 steps  0.5 steps/s"]);
});

test("on a terminal a bar shows stage, count, rate and metrics, and gives the cursor back", () => {
  const stream: ViewStream = Object.assign(new PassThrough(), { isTTY: true, columns: 200, rows: 40 });
  let milliseconds = 0;
  const view = createProgressView(stream, () => milliseconds);
  const report = (done: number) =>
    view.report({ stage: "volume", done, total: 4, unit: "epochs", metrics: { val_macro_f1: 0.61234 } });
  report(0);
  milliseconds = 2000;
  report(2);
  view.log("a line between");
  report(4);
  view.close();
  const text = (stream as PassThrough).read() as Buffer;
  assert.match(text.toString(), /volume +█+░+ 50% 2\/4 epochs {2}1 epochs\/s, 0:02 left {2}val_macro_f1 0\.612/);
  assert.match(text.toString(), /\na line between\n/);
  assert.match(text.toString(), /4\/4 epochs {2}in 0:02/);
  assert.ok(text.lastIndexOf("\u001b[?25h") > text.lastIndexOf("\u001b[?25l"), "the cursor is shown at the end");
});

test("times and numbers are short", () => {
  assert.deepEqual([clock(0), clock(59.6), clock(3661), clock(-1)], ["0:00", "1:00", "1:01:01", "0:00"]);
  assert.deepEqual([short(0.00012345), short(12.345), short(1234.5), short(NaN)], ["0.000123", "12.3", "1235", "NaN"]);
});
