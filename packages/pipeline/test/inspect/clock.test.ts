import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { getNumThreads, liveTensors } from "@slicestack/torch";
import "../../src/models/catalogue.js";
import { loadConfig } from "../../src/config/load.js";
import { clock, type ClockResult } from "../../src/inspect/clock.js";
import { clockText } from "../../src/inspect/clock-text.js";
import { cachedShare, forget } from "../../src/inspect/page-cache.js";
import { temporaryFolder } from "../data/temporary.js";
import { phantom, preparedSet } from "./support.js";

test("clock: slices and volumes, in order and at random, from disk, from memory, augmented; every pass over everything", async (t) => {
  const { dataset } = await preparedSet(temporaryFolder(t), {
    a: phantom(),
    b: phantom("LPS", 2),
    c: phantom("LPS", 3),
  });
  const [before, threads] = [liveTensors(), getNumThreads()];
  const result = await clock({ data: dataset.directory, config: loadConfig({}), batch: 7, epochs: 2 });
  assert.equal(liveTensors(), before);
  assert.equal(getNumThreads(), threads, "as it was");
  assert.deepEqual([result.slices, result.volumes, result.bytes], [36, 3, 36 * 24 * 32 * 2]);
  const rows = result.timings.map(({ unit, order, augmented, cold, items, seconds }) => [
    unit,
    order,
    augmented,
    cold,
    items,
    seconds.length,
  ]);
  const expected = [
    [false, true, 1],
    [false, false, 2],
    [true, false, 2],
  ].flatMap(([augmented, cold, passes]) =>
    [
      ["slices", 36],
      ["volumes", 3],
    ].flatMap(([unit, items]) =>
      ["in order", "at random"].map((order) => [unit, order, augmented, cold, items, passes]),
    ),
  );
  assert.deepEqual(rows, expected);
  for (const { seconds, rate, items } of result.timings) {
    assert.ok(seconds.every((value) => value > 0));
    assert.ok(Math.abs(rate - (items * seconds.length) / seconds.reduce((a, b) => a + b, 0)) < 1e-6 * rate);
  }
  assert.deepEqual(result.augmentation, ["rotation", "crop", "scale", "shear", "translation"]);
  const text = clockText(result);
  assert.match(text, /per second +in order +at random +in memory before\nslices, from disk +\d/);
  assert.match(text, /volumes, augmented +\d/);
});

test("clock stops between batches with the signal's reason, and leaves no tensor", async (t) => {
  const { dataset } = await preparedSet(temporaryFolder(t), { a: phantom() });
  const before = liveTensors();
  const controller = new AbortController();
  const stopped = clock({
    data: dataset.directory,
    config: loadConfig({}),
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  await assert.rejects(stopped, { name: "AbortError" });
  assert.equal(liveTensors(), before);
});

const tools = ["fincore", "dd"].every((name) => {
  try {
    execFileSync(name, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
});

test(
  "the page cache: a file just written is held, and none of it once it is forgotten (fincore)",
  { skip: tools ? false : "no fincore or dd on this system" },
  async (t) => {
    const file = join(temporaryFolder(t), "file");
    writeFileSync(file, Buffer.alloc(2 ** 20, 1), { flush: true });
    execFileSync("sync", [file]);
    assert.equal(await cachedShare(file), 1);
    await forget(file);
    assert.equal(await cachedShare(file), 0);
    assert.equal(await cachedShare(`${file}.missing`), null);
  },
);

test("the table says where nobody knows, or the system did not forget", () => {
  const timing = { unit: "slices", order: "in order", augmented: false, items: 1, rate: 1 } as const;
  const base: ClockResult = {
    data: "d",
    slices: 1,
    volumes: 1,
    bytes: 2,
    batch: 1,
    epochs: 1,
    threads: 1,
    augmentation: [],
    timings: [],
  };
  const text = (cachedBefore: number | null) =>
    clockText({ ...base, timings: [{ ...timing, seconds: [1], cold: true, cachedBefore }] });
  assert.match(text(null), /does not tell/);
  assert.match(text(0.8), /did not drop/);
  assert.doesNotMatch(text(0.02), /did not|does not/);
});
