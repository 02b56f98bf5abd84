/** The volume stage with the heads that train.test.ts does not use, on the small data set. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, test } from "node:test";
import { scope } from "@slicestack/torch";
import { readTrainingRows } from "../../src/run/training-rows.js";
import { readSafetensors } from "../../src/weights/safetensors.js";
import { createHead } from "../../src/models/create-by-name.js";
import { readRecord, runPaths } from "../../src/run/folder.js";
import { train } from "../../src/tasks/train.js";
import { scratch, smallConfig, smallDataset } from "./support.js";

const folder = scratch();
let data = "";
before(async () => {
  data = await smallDataset(folder, 15);
});

// The embeddings come from the cache after the first: the same slice stage each time.
for (const head of ["topk", "noisy_or", "conv1d", "gru", "transformer"] as const) {
  test(`head.model: ${head} trains: the loss falls, and the checkpoint is the head's`, async () => {
    const out = join(folder, head);
    const config = smallConfig({
      "slice.epochs": "1",
      "head.model": head,
      "head.epochs": "12",
      "head.dropout": "0",
      "head.learning_rate": "0.01",
      "head.schedule": "constant",
      "head.weighted_sampler": "false",
    });
    const result = await train({ config, data, out });
    assert.equal(result.status, "finished");
    const losses = readTrainingRows(runPaths(out).metrics).flatMap((row) =>
      row.stage === "volume" ? [row.train_loss] : [],
    );
    assert.equal(losses.length, 12);
    assert.ok(losses.every(Number.isFinite), String(losses));
    assert.ok((losses.at(-1) ?? NaN) < (losses[0] ?? NaN), String(losses));
    const classes = readRecord(out).classes.length;
    scope(() => {
      using made = createHead({ model: head, dropout: 0 }, { embedding: 128, slices: 8, classes });
      const { tensors } = readSafetensors(runPaths(out).best("volume"));
      assert.deepEqual([...tensors.keys()].sort(), [...made.stateDict().keys()].sort());
    });
  });
}
