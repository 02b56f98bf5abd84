/** The test of resume.test.ts and resume.long.test.ts: kills at random moments cost time and nothing else. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { RunConfig } from "../../src/config/types.js";
import { evaluate } from "../../src/tasks/evaluate.js";
import { runPaths } from "../../src/run/folder.js";
import { train } from "../../src/tasks/train.js";
import { leftovers, trainThroughKills } from "./kills.js";
import { curvesOf, scratch, tinyConfig, tinyDataset, weightsOf } from "./support.js";

const stages = ["slice", "volume", "fine_tune"] as const;
/** Everything that a state has to remember: three stages, dropout, momenta, averages, slice labels, a plateau. */
const everything: Record<string, string> = {
  "slice.ema": "0.9",
  "slice.soft_labels": "true",
  "slice.soft_label_warmup": "1",
  "slice.mixup": "0.3",
  "slice.clip_norm": "1",
  "head.optimizer": "sgd",
  "head.schedule": "cosine",
  "head.warmup_epochs": "1",
  "head.views": "1",
  "fine_tune.epochs": "1",
  "fine_tune.batch_size": "6",
  "fine_tune.accumulate": "2",
};

export function killTest(kills: number, seed: number, overrides: Record<string, string> = {}): void {
  const config: RunConfig = tinyConfig({ ...everything, ...overrides });
  test(`killed ${kills} times at random moments (seed ${seed}), also while a checkpoint is written: weights, metrics and predictions are those of an undisturbed run, byte for byte`, async () => {
    const folder = scratch();
    const data = await tinyDataset(folder);
    const whole = join(folder, "whole");
    await train({ config, data, out: whole, keepStates: true });
    const { met, finished } = await trainThroughKills({
      data,
      out: join(folder, "killed"),
      config,
      kills,
      seed,
    });
    assert.equal(met.length, kills);
    assert.ok(
      met.some((moment) => moment === "while a state was written"),
      met.join(", "),
    );
    await evaluate({ run: whole });
    for (const run of finished) {
      assert.deepEqual(weightsOf(run, stages), weightsOf(whole, stages), met.join(", "));
      assert.deepEqual(curvesOf(run), curvesOf(whole));
      assert.deepEqual(leftovers(run), [], "what killed writers left is removed");
      await evaluate({ run });
      const predictions = (one: string) => readFileSync(runPaths(one).predictions, "utf8");
      assert.equal(predictions(run), predictions(whole));
    }
  });
}
