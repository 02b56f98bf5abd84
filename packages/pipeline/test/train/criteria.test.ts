/** Whole runs with options that are off by default: ordinal and focal losses, mixing, soft labels, subject sampling, all transforms. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { liveTensors, scope } from "@slicestack/torch";
import { evaluate } from "../../src/tasks/evaluate.js";
import { readPredictions } from "../../src/evaluate/predictions.js";
import { readSafetensors } from "../../src/weights/safetensors.js";
import type { Progress } from "../../src/engine/progress.js";
import { runPaths } from "../../src/run/folder.js";
import { train } from "../../src/tasks/train.js";
import { lastWeights, newestState, scratch, smallConfig, smallDataset } from "./support.js";

const folder = scratch();
let data = "";
before(async () => {
  data = await smallDataset(folder);
});

const hashesOf = (run: string) =>
  (["slice", "volume"] as const).flatMap((stage) => [
    createHash("sha256")
      .update(readFileSync(runPaths(run).best(stage)))
      .digest("hex"),
    lastWeights(run, stage),
  ]);
/** Shape of the last layer's bias in a stage's best weights. */
const outputsOf = (run: string, stage: "slice" | "volume", name: string) =>
  scope(() => readSafetensors(runPaths(run).best(stage)).tensors.get(name)?.shape);

test("ordinal losses in both stages: one output fewer than classes, and evaluation gets a probability of each class", async () => {
  const out = join(folder, "ordinal");
  const overrides = { "slice.loss": "ordinal", "head.loss": "ordinal", "slice.epochs": "1" };
  await train({ config: smallConfig(overrides), data, out, keepStates: true });
  await evaluate({ run: out });
  const predictions = readPredictions(runPaths(out).predictions).filter(({ model }) =>
    /2d_vote|2\.5d/.test(model),
  );
  assert.equal(predictions.length, 4);
  for (const { probabilities } of predictions)
    for (const row of probabilities) {
      assert.equal(row.length, 5);
      assert.ok(Math.abs(row.reduce((a, p) => a + p, 0) - 1) < 1e-6 && row.every((p) => p >= 0));
    }
  const before = liveTensors();
  assert.deepEqual(outputsOf(out, "slice", "fc3.bias"), [4]);
  assert.deepEqual(outputsOf(out, "volume", "classifier.bias"), [4]);
  assert.equal(liveTensors(), before);
});

const everything = {
  "transform.augment": "{preset: strong, blur: {probability: 1}, elastic: {probability: 1}}",
  "slice.loss": "focal",
  "slice.weighted_loss": "true",
  "slice.class_weights": "effective",
  "slice.mixup": "0.4",
  "slice.cutmix": "1",
  "slice.soft_labels": "true",
  "slice.soft_label_warmup": "1",
  "slice.subject_sampler": "true",
  "head.subject_sampler": "true",
  "head.loss": "focal",
  "head.weighted_loss": "true",
};

test("with every option on, the same seed gives the same bytes, also through stops before, in and after an epoch's E step", async () => {
  const [whole, stopped] = [join(folder, "everything"), join(folder, "everything-stopped")];
  const config = smallConfig(everything);
  await train({ config, data, out: whole, keepStates: true });
  const stopAt = (done: number) => {
    const controller = new AbortController();
    const onProgress = (progress: Progress) => {
      if (progress.stage === "slice stage" && progress.done >= done) controller.abort();
    };
    return { signal: controller.signal, onProgress };
  };
  const steps = stepsOf(whole);
  // The E step comes before the second epoch: a stop in the first, one just before it, one in the middle of the second.
  const statuses: string[] = [];
  for (const done of [1, steps / 2, steps / 2 + 2])
    statuses.push(
      (
        await train({
          config,
          data,
          out: stopped,
          resume: statuses.length > 0,
          keepStates: true,
          ...stopAt(done),
        })
      ).status,
    );
  const last = await train({ config, data, out: stopped, resume: true, keepStates: true });
  assert.deepEqual([...statuses, last.status], ["stopped", "stopped", "stopped", "finished"]);
  assert.deepEqual(hashesOf(stopped), hashesOf(whole));
  scope(() => {
    const weights =
      readSafetensors(newestState(whole, "slice")).tensors.get("memory.slice_labels")?.toArray() ?? [];
    assert.ok(weights.some((weight) => weight < 1) && weights.every((weight) => weight >= 0.1 - 1e-6));
    assert.ok(weights.filter((weight) => weight === 1).length > 0);
  });
});

/** Optimiser steps of the slice stage. */
function stepsOf(run: string): number {
  const lines = readFileSync(runPaths(run).metrics, "utf8").trim().split("\n");
  const rows = lines.map((line) => JSON.parse(line) as { stage: string; step: number });
  return Math.max(...rows.filter(({ stage }) => stage === "slice").map(({ step }) => step));
}

test("a list of alphas that does not fit the task stops a run before its first step", async () => {
  const config = smallConfig({ "slice.loss": "{focal: {alpha: [1, 2]}}" });
  await assert.rejects(train({ config, data, out: join(folder, "alpha") }), {
    name: "ConfigError",
    message: /slice\.loss\.focal\.alpha: expected 5 values.*received 2/,
  });
});
