import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openDataset } from "../../src/data/store.js";
import { evaluate } from "../../src/evaluate/evaluate.js";
import { readPredictions } from "../../src/evaluate/predictions.js";
import { readRecord } from "../../src/run/folder.js";
import { train } from "../../src/train/train.js";
import { scratch, smallConfig, smallDataset } from "../train/support.js";

test("external data: all of another data set is scored, in a folder of its own, and the run's test part stays unread", async () => {
  const folder = scratch();
  const data = await smallDataset(folder);
  const other = join(folder, "other");
  cpSync(data, other, { recursive: true });
  rmSync(join(other, "split.json"), { force: true });
  const config = smallConfig({ "slice.epochs": "1", "volume.epochs": "1" });
  const { run } = await train({ config, data, out: join(folder, "run") });

  const { report } = await evaluate({ run, data: other });
  assert.equal(report, join(run, "external/small/report.html"));
  assert.match(readFileSync(report, "utf8"), /small on small/);
  const predictions = readPredictions(join(run, "external/small/predictions.csv"));
  const ids = openDataset(other).volumes.map(({ id }) => id);
  for (const model of ["majority", "shortcut", "2d_vote", "2.5d"]) {
    const test = predictions.find((one) => one.model === model && one.part === "test");
    assert.deepEqual([...(test?.ids ?? [])].sort(), [...ids].sort(), model);
  }
  assert.equal(readRecord(run).testReads, 0);
  assert.ok(!existsSync(join(run, "report.html")));

  // What the run says of its own test subjects does not depend on the company they are scored in.
  await evaluate({ run });
  const own = readPredictions(join(run, "predictions.csv")).find((one) => one.model === "2.5d" && one.part === "test");
  const all = predictions.find((one) => one.model === "2.5d" && one.part === "test");
  assert.ok(own !== undefined && all !== undefined && own.ids.length > 0);
  own.ids.forEach((id, k) => {
    const external = all.probabilities[all.ids.indexOf(id)];
    own.probabilities[k]?.forEach((p, label) => {
      const q = external?.[label] ?? NaN;
      assert.ok(Math.abs(p - q) < 1e-3, `${id}: ${p} and ${q}`);
    });
  });
  assert.equal(readRecord(run).testReads, 1);
});
