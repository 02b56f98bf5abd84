/** What stages start from and end with: fine-tuning, no slice epochs, other runs with other classes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readRecord } from "../../src/run/folder.js";
import { train } from "../../src/tasks/train.js";
import { loadConfig } from "../../src/config/load.js";
import { methodTest, runFolder, tinyData } from "./methods.js";
import { tinyConfig } from "./support.js";

const tuned = { "slice.epochs": "1", "fine_tune.epochs": "2", "fine_tune.batch_size": "6" };
methodTest("fine_tune", tuned);
methodTest("fine_tune from the start, layers that join, a slow trunk", {
  ...tuned,
  "slice.epochs": "0",
  "head.epochs": "1",
  "fine_tune.epochs": "3",
  "fine_tune.trunk_rate": "0.1",
  "fine_tune.unfreeze": "4",
});
methodTest("fine_tune in chunks, some slices", {
  ...tuned,
  "fine_tune.chunk": "3",
  "fine_tune.slices": "4",
  "fine_tune.ema": "0.5",
  "head.model": "gru",
});
methodTest("slice.epochs 0", { "slice.epochs": "0" });

const others = {
  "task.classes_to_include": "[0, 1, 2, 3, 4]",
  "task.class_mapping": "{0: 0, 1: 0, 2: 1, 3: 1, 4: 1}",
  "slice.epochs": "1",
};
for (const [name, init_from, more, notes] of [
  [
    "2.5d",
    "fine_tune whole",
    {},
    /fc3\.weight keeps its initial values: 2 x 128 here, 5 x 128 in the file.*fc3\.bias keeps its initial values/,
  ],
  ["2d", "slice.epochs 0 whole", { method: "2d" }, /keeps its initial values/],
] as const) {
  methodTest(`init_from, with other classes, ${name}`, {
    ...others,
    ...more,
    "slice.epochs": name === "2d" ? "2" : "1",
    init_from: runFolder(init_from),
  });
  test(`init_from, ${name}: the record says which file it was, and which layers keep their initial values`, () => {
    const { environment } = readRecord(runFolder(`init_from, with other classes, ${name}`));
    assert.match(environment["init_from (slice)"] ?? "", notes);
    if (name === "2.5d")
      assert.match(
        environment["init_from (volume)"] ?? "",
        /^best\.safetensors, SHA-256 .*keeps its initial values/,
      );
  });
}

test("init_from of another method, and fine_tune on maps_3d, are refused with what to do", async () => {
  const data = await tinyData();
  const config = tinyConfig({
    method: "3d",
    "network.model": "simple",
    "network.size": "[8, 8, 8]",
    init_from: runFolder("init_from, with other classes, 2d"),
  });
  await assert.rejects(train({ config, data, out: runFolder("refused") }), {
    name: "RunError",
    message: /is a run of slice_cnn \(2d\), this one is of simple \(3d\).*init_from/,
  });
  assert.throws(
    () => loadConfig({ overrides: { "head.model": "maps_3d", "fine_tune.epochs": "1" } }),
    /fine_tune\.epochs: expected 0 with head\.model maps_3d/,
  );
});
