/* global Blob, File, TextDecoder */
/**
 * What the page makes of replies that come late, in an order that a real worker has only by chance: a model or a list of
 * files was already replaced by another choice.
 */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

let asked;
let answer;
globalThis.Worker = class {
  constructor() {
    answer = (data) => this.onmessage({ data });
  }
  postMessage(request) {
    asked.push(request);
  }
};
const { Reading } = await import("../../packages/viewer/dist/src/reading/reading.js");

const graph = (text) => new Blob([text]);
const textOf = ({ bytes }) => new TextDecoder().decode(bytes);
const model = (number, name) => answer({ kind: "model", number, facts: { name }, isCalibrated: false });
const found = (number) => answer({ kind: "found", number, scans: [{ slices: 3 }], setAside: [] });
const result = (id) =>
  answer({
    kind: "result",
    index: 0,
    result: {
      id,
      slices: [],
      prepared: {
        shape: [1],
        geometry: { origin: [0, 0, 0], spacing: [1, 1, 1] },
        original: {
          shape: [1, 1, 1],
          origin: [0, 0, 0],
          spacing: [1, 1, 1],
          direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
        },
      },
    },
  });

let reading;
beforeEach(async () => {
  asked = [];
  reading = new Reading();
  await reading.openModel("first", graph("first"));
  model(1, "first");
  await reading.openFiles([new File([], "scan")]);
  found(1);
});

test("a result of the model before is not shown under the next one", async () => {
  result("of first");
  assert.equal(reading.result.value.id, "of first");
  await reading.openModel("second", graph("second"));
  result("of first, again");
  assert.equal(reading.result.value, null);
  model(2, "second");
  assert.equal(reading.result.value, null);
  result("of second");
  assert.equal(reading.result.value.id, "of second");
});

test("of two quick choices of a model the later one is opened, though it is the faster one", async () => {
  let giveSlow;
  const slow = reading.openModel("slow", new Promise((resolve) => (giveSlow = resolve)));
  await reading.openModel("fast", graph("fast"));
  giveSlow(graph("slow"));
  await slow;
  assert.deepEqual(asked.filter(({ kind }) => kind === "model").map(textOf), ["first", "fast"]);
  model(1, "first");
  assert.equal(reading.model.value.kind, "opening");
  model(3, "fast");
  assert.deepEqual([reading.model.value.kind, reading.model.value.facts.name], ["open", "fast"]);
});

test("a model that cannot be fetched has its reason, and the one before predicts no more", async () => {
  await reading.openModel("gone", Promise.reject(new Error("404 Not Found")));
  assert.deepEqual(reading.model.value, { kind: "refused", name: "gone", message: "404 Not Found" });
  assert.equal(asked.at(-1).kind, "close");
  result("of first");
  assert.equal(reading.result.value, null);
});

test("files that come late do not replace the choice after them; those that fail have their reason", async () => {
  let giveSlow;
  const slow = reading.openFiles(new Promise((resolve) => (giveSlow = resolve)), "0");
  await reading.openFiles([new File([], "own")]);
  giveSlow([new File([], "late")]);
  await slow;
  const names = asked.filter(({ kind }) => kind === "find").map(({ files }) => files[0].name);
  assert.deepEqual(names, ["scan", "own"]);
  assert.equal(reading.offeredScan.value, null);
  found(2);
  assert.deepEqual(reading.scans.value, []);
  await reading.openFiles(Promise.reject(new Error("scans/0/1: 404 Not Found")), "1");
  assert.equal(reading.notTaken.value, "scans/0/1: 404 Not Found");
  assert.equal(reading.stage.value, null);
});
