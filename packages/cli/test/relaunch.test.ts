/** The published key relaunch, through the real command: it resumes runs/NAME where it exists. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { writeNpy } from "@slicestack/volume/node";
import { CommandFolder } from "./command.js";

const folder = new CommandFolder();

test("relaunch true starts runs/NAME and resumes it; false starts another beside it", async () => {
  for (let k = 0; k < 8; k++) {
    const path = join(folder.path, `scans/class_${k % 2}/v${k}.npy`);
    mkdirSync(dirname(path), { recursive: true });
    await writeNpy(path, {
      data: Uint8Array.from({ length: 256 }, (_, i) => (i * (k + 3)) % 251),
      shape: [8, 8, 4],
    });
  }
  folder.succeed("prepare", "scans", "data");
  const file = (relaunch: boolean) =>
    `{dataset_id: 2d, model: 2d_cnn, exp_name: again, num_epochs: 1, batch_size: 4, relaunch: ${relaunch}}`;
  writeFileSync(join(folder.path, "flat.yaml"), file(true));
  const train = () => folder.succeed("train", "--config", "flat.yaml", "--data", "data");
  const metrics = () => readFileSync(join(folder.path, "runs/again/metrics.jsonl"), "utf8");
  train();
  const first = metrics();
  assert.equal(first.trim().split("\n").length, 1);
  train();
  assert.equal(metrics(), first, "finished: nothing is trained again");
  assert.deepEqual(
    folder.list("runs").filter((name) => name.endsWith("run.json")),
    ["again/run.json"],
  );
  writeFileSync(join(folder.path, "flat.yaml"), file(false));
  train();
  assert.deepEqual(
    folder.list("runs").filter((name) => name.endsWith("run.json")),
    ["again-2/run.json", "again/run.json"],
  );
  assert.equal(metrics(), first);
});
