import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import type { EpochReport, Progress } from "@slicestack/pipeline";
import { clock, createProgressView, short, type ViewStream } from "../src/progress-view.js";

function plainView() {
  const stream = new PassThrough();
  let milliseconds = 0;
  const view = createProgressView(stream, () => milliseconds);
  const at = (seconds: number, done: number, more: Partial<Progress> = {}) => {
    milliseconds = seconds * 1000;
    view.report({ stage: "slice epoch 1", done, total: 100, unit: "steps", ...more });
  };
  const lines = (): string[] => (stream.read() as Buffer | null)?.toString().trimEnd().split("\n") ?? [];
  return { view, at, lines };
}

test("plain lines: at most one a minute, with rate and remaining time, and one at the stage's end", () => {
  const { at, lines } = plainView();
  for (let second = 0; second <= 130; second += 10) at(second, second / 2);
  assert.deepEqual(lines(), [
    "slice epoch 1: 30/100 steps  0.5 steps/s, 2:20 left",
    "slice epoch 1: 60/100 steps  0.5 steps/s, 1:20 left",
  ]);
  at(150, 100);
  at(150, 100);
  assert.deepEqual(lines(), ["slice epoch 1: 100/100 steps  in 2:30"]);
});

test("the time of a stage is that of the wait: what passed before its first report counts, what an earlier stage took does not", () => {
  const { at, lines } = plainView();
  at(50, 50);
  at(90, 100);
  assert.deepEqual(lines(), ["slice epoch 1: 100/100 steps  in 1:30"]);
  at(120, 1, { stage: "embed" });
  at(150, 100, { stage: "embed" });
  assert.deepEqual(lines(), ["embed: 100/100 steps  in 1:00"]);
});

const epoch = (number: number, score: number): EpochReport => ({
  stage: "slice",
  epoch: number,
  epochs: 10,
  trainLoss: 0.61234,
  valLoss: 0.65,
  metric: "macro F1",
  score,
  best: { epoch: 2, score: 0.64 },
  learningRate: 0.001,
  seconds: 12.4,
});

test("a row for each epoch: losses, the metric by its name, its best value, learning rate and time; the last one before the end", () => {
  const stream = new PassThrough();
  const view = createProgressView(stream, () => 0);
  const steps = { stage: "slice stage", unit: "steps", total: 20, epochs: 10 };
  view.report({ ...steps, done: 0 });
  view.report({ ...steps, done: 4, epoch: epoch(2, 0.64) });
  view.report({ ...steps, done: 6, epoch: epoch(3, NaN) });
  view.report({ ...steps, done: 20 });
  view.report({ ...steps, done: 20, epoch: epoch(10, 0.5) });
  view.close();
  assert.deepEqual((stream.read() as Buffer).toString().trimEnd().split("\n"), [
    "slice epoch  2/10  train loss 0.6123  val loss 0.6500  macro F1 0.640 (best so far)  lr 0.001  0:12",
    "slice epoch  3/10  train loss 0.6123  val loss 0.6500  macro F1 – (best 0.640, epoch 2)  lr 0.001  0:12",
    "slice epoch 10/10  train loss 0.6123  val loss 0.6500  macro F1 0.500 (best 0.640, epoch 2)  lr 0.001  0:12",
    "slice stage: 20/20 steps  in 0:00",
  ]);
});

test("where later stages are forecast, the remaining time with them stands beside that of the stage", () => {
  const { at, lines, view } = plainView();
  at(0, 0);
  at(60, 50, { later: 30 });
  assert.deepEqual(lines(), [
    "slice epoch 1: 50/100 steps  0.833 steps/s, 1:00 left (1:30 with the later stages)",
  ]);
  view.close();
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
  at(60, 80);
  assert.deepEqual(lines(), ["slice epoch 1: 80/100 steps  0.333 steps/s, 1:00 left"]);
  const unknown = plainView();
  unknown.at(0, 0, { total: 0 });
  unknown.at(60, 30, { total: 0 });
  assert.deepEqual(unknown.lines(), ["slice epoch 1: 30 steps  0.5 steps/s"]);
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
  view.close();
  const text = (stream as PassThrough).read() as Buffer;
  assert.equal(text.toString().match(/volume: 4\/4 epochs/g)?.length, 1);
  assert.match(
    text.toString(),
    /volume +█+░+ 50% 2\/4 epochs {2}1 epochs\/s, 0:02 left {2}val_macro_f1 0\.612/,
  );
  assert.match(text.toString(), /\[2Ka line between\n/);
  assert.match(text.toString(), /volume: 4\/4 epochs {2}in 0:02/);
  assert.ok(
    text.lastIndexOf("\u001b[?25h") > text.lastIndexOf("\u001b[?25l"),
    "the cursor is shown at the end",
  );
});

test("times and numbers are short", () => {
  assert.deepEqual([clock(0), clock(59.6), clock(3661), clock(-1)], ["0:00", "1:00", "1:01:01", "0:00"]);
  assert.deepEqual(
    [short(0.00012345), short(12.345), short(1234.5), short(NaN)],
    ["0.000123", "12.3", "1235", "NaN"],
  );
});
