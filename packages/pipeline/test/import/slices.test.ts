/** Checkpoints of slice models that PyTorch saved become runs that say of every volume what PyTorch says (fixtures/import/_checkpoints.py). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readRecord } from "../../src/run/folder.js";
import { externalFolderOf, importTests, noTorch } from "./support.js";

const three = { "task.classes_to_include": "[0, 1, 2]" };
const says = ["2d_vote"];

const folder = importTests([
  {
    name: "custom_resnet",
    config: "resnet_no_dropout",
    model: /^custom_resnet \(ResNet-50 trunk, 2 classes/,
    says,
    notes: /"model_state_dict"/,
  },
  { name: "2d_cnn", model: /^2d_cnn or slice_cnn \(5 classes.*input 32 x 32\)$/, says, notes: /"module\."/ },
  {
    name: "resnet18",
    overrides: three,
    model: /^custom_resnet \(ResNet-18 trunk, 3 classes/,
    says,
    notes: /torchvision's classifier fc became/,
  },
  { name: "resnet18_grey", overrides: three, model: /ResNet-18/, says, notes: /one input channel/ },
]);

test("an imported run names its origin in run.json and in the report", { skip: noTorch }, () => {
  const run = join(folder, "runs/custom_resnet");
  const { dataset, imported, testReads, status } = readRecord(run);
  assert.deepEqual([dataset, testReads, status], [null, 0, "trained"]);
  assert.deepEqual([imported?.file, imported?.classes, imported?.votes], ["custom_resnet.pth", 2, true]);
  const report = readFileSync(join(externalFolderOf(run), "report.html"), "utf8");
  assert.match(report, /resnet_no_dropout on mosmed/);
  assert.match(report, /volumes that it was trained on make these numbers too optimistic/);
  assert.doesNotMatch(report, /The test part was read once/);
});
