import assert from "node:assert/strict";
import { test } from "node:test";
import "../../src/models/catalogue.js";
import { loadConfig } from "../../src/config/load.js";
import type { StageName } from "../../src/config/stages.js";
import type { TaskVolume } from "../../src/data/task.js";
import { Forecast, piecesOfRun } from "../../src/train/forecast.js";

const volumes = (...counts: number[]) => counts.map((count) => ({ count }) as TaskVolume);
const parts = { train: volumes(10, 30), val: volumes(20), test: volumes(5) };
const pieces = (text: string, stages: StageName[]) =>
  piecesOfRun({ config: loadConfig({ text }), task: { classes: undefined as never, parts } }, stages);

test("a run's pieces: training counts three times, embeddings once for each view, limits of slices apply", () => {
  const config =
    "{slice: {epochs: 2, slices_per_volume: 20}, head: {epochs: 5, views: 1}, fine_tune: {epochs: 1}}";
  assert.deepEqual(pieces(config, ["slice", "volume", "fine_tune"]), [
    { name: "slice stage", work: 2 * (3 * (10 + 20) + 20) },
    { name: "embeddings", work: 2 * 40 + 20 },
    { name: "volume stage", work: 0.1 * 5 * (3 * 40 + 20) },
    { name: "fine_tune stage", work: 3 * 40 + 20 },
  ]);
  assert.deepEqual(pieces("{method: 3d, network: {epochs: 2}}", ["volume"]), [
    { name: "volume stage", work: 2 * 140 },
  ]);
});

test("later stages are forecast from the speed so far; the resumed share does not count as done now; nothing follows the last stage", () => {
  let seconds = 0;
  const forecast = new Forecast(
    [
      { name: "a", work: 100 },
      { name: "b", work: 50 },
      { name: "c", work: 50 },
    ],
    () => seconds * 1000,
  );
  const later = (stage: string, done: number, at: number) => {
    seconds = at;
    return forecast.extend({ stage, done, total: 10, unit: "steps" }).later;
  };
  assert.equal(later("a", 4, 0), undefined);
  assert.equal(later("a", 6, 20), 100, "20 of work in 20 s, 100 to come");
  assert.equal(later("a", 10, 30), 50, "60 of work in 30 s");
  assert.equal(later("b", 0, 30), 25);
  assert.equal(later("b", 10, 80), 50 * (80 / 110));
  assert.equal(later("c", 5, 90), undefined);
  assert.equal(later("unknown", 5, 90), undefined);
});
