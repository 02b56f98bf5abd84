/** The rules of a plan on made-up data and machines; and the whole of it on a small data set. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../src/config/load.js";
import { makeSplit } from "../../src/data/split/holdout.js";
import { writeSplit } from "../../src/data/split/split.js";
import { openDataset } from "../../src/data/store.js";
import { choose, type Machine } from "../../src/plan/choose-config.js";
import type { Fingerprint } from "../../src/plan/fingerprint.js";
import { plan, planYaml } from "../../src/plan/plan.js";
import { train } from "../../src/tasks/train.js";
import { ofMethod } from "../config/of-method.js";
import { scratch, smallDataset } from "../train/support.js";

const ct: Fingerprint = {
  name: "mosmed",
  unit: "HU",
  height: 128,
  width: 128,
  depth: [64, 64, 64],
  classes: ["CT-0", "CT-1"],
  train: [150, 400],
  val: [50, 140],
  subjects: 550,
  anisotropy: 2,
  flags: [],
};
const laptop: Machine = {
  device: "cpu",
  cores: 2,
  memoryBytes: 8e9,
  speeds: [
    { model: "slice_cnn", training: 400, embedding: 1500 },
    { model: "resnet18", training: 100, embedding: 400 },
    { model: "resnet50", training: 40, embedding: 160 },
  ],
  pretrained: [],
};
const value = (data: Fingerprint, machine: Machine, budget: number | null, key: string) =>
  choose(data, machine, budget).choices.find((choice) => choice.key === key)?.value;

test("the trunk grows with data, weights at hand and budget", () => {
  const trunk = (data: Fingerprint, machine: Machine, budget: number | null = null) => [
    value(data, machine, budget, "slice.model"),
    value(data, machine, budget, "slice.pretrained") ?? null,
  ];
  assert.deepEqual(trunk(ct, laptop), ["slice_cnn", null]);
  assert.deepEqual(trunk({ ...ct, train: [4000, 9000] }, laptop), ["resnet18", null]);
  const weights: Machine = { ...laptop, pretrained: ["resnet18", "resnet50"] };
  assert.deepEqual(trunk(ct, weights), ["resnet50", "imagenet"]);
  assert.deepEqual(trunk(ct, weights, 500), ["resnet18", "imagenet"], "resnet50 needs more");
  assert.deepEqual(trunk(ct, weights, 120), ["slice_cnn", null]);
});

test("a smaller budget is met by fewer slices, then fewer epochs; a warning follows if it cannot be met", () => {
  let last = Infinity;
  for (const budget of [null, 3600, 1200, 600, 300]) {
    const planned = choose(ct, laptop, budget);
    assert.ok(planned.seconds <= (budget ?? Infinity) && planned.seconds <= last, String(budget));
    last = planned.seconds;
  }
  const short = choose(ct, laptop, 30);
  assert.match(short.warnings.join(), /The budget of 30 s is too short: the smallest plan takes/);
});

test("window, size, sampling, head and selection follow the data; small validation parts are pointed at", () => {
  assert.deepEqual(value(ct, laptop, null, "transform.window"), [-1000, 400]);
  assert.equal(value({ ...ct, unit: "arbitrary" }, laptop, null, "transform.window"), null);
  assert.equal(value(ct, laptop, null, "slice.size"), undefined);
  assert.deepEqual(value({ ...ct, height: 512, width: 384 }, laptop, null, "slice.size"), [160, 120]);
  assert.equal(value(ct, laptop, null, "slice.weighted_sampler"), true);
  assert.equal(value({ ...ct, train: [300, 300] }, laptop, null, "slice.weighted_sampler"), false);
  assert.equal(value(ct, laptop, null, "head.model"), "conv1d");
  assert.equal(value({ ...ct, depth: [3, 20, 43] }, laptop, null, "head.model"), "attention");
  assert.equal(value(ct, laptop, null, "slice.select"), "auroc");
  assert.equal(
    value(
      { ...ct, classes: ["a", "b", "c"], train: [9, 9, 9], val: [3, 3, 3] },
      laptop,
      null,
      "slice.select",
    ),
    "macro_f1",
  );
  const warnings = choose({ ...ct, val: [10, 20], flags: ["look here"] }, laptop, null).warnings;
  assert.equal(warnings[0], "look here");
  assert.match(warnings[1]!, /30 validation volumes choose the epoch/);
});

test("a cube is cut along three planes into slabs, and the time is that of its slices; others are not", () => {
  const cube: Fingerprint = { ...ct, unit: "arbitrary", height: 64, width: 64, anisotropy: 1 };
  const keys = ["transform.planes", "transform.neighbours", "head.model", "head.slices"];
  const of = (data: Fingerprint, machine = laptop) => keys.map((key) => value(data, machine, null, key));
  assert.deepEqual(of(cube), ["three", 9, "transformer", 96]);
  assert.deepEqual(of({ ...cube, height: 24, width: 24, depth: [24, 24, 24] }), [
    "three",
    9,
    "transformer",
    undefined,
  ]);
  const weights: Machine = { ...laptop, pretrained: ["resnet50"] };
  assert.deepEqual(
    of(cube, weights),
    ["three", undefined, "transformer", 96],
    "the first layer of ImageNet is kept",
  );
  const flat = [undefined, undefined, "conv1d", undefined];
  assert.deepEqual(of(ct), flat, "half as deep as wide");
  assert.deepEqual(of({ ...cube, anisotropy: 2 }), flat, "thick slices");
  assert.deepEqual(of({ ...cube, depth: [40, 64, 64] }), [undefined, undefined, "attention", undefined]);
  assert.ok(choose(cube, laptop, null).seconds > choose({ ...cube, anisotropy: 2 }, laptop, null).seconds);
});

test("the file contains each choice with its reason, and loads with these values", () => {
  for (const data of [ct, { ...ct, unit: "arbitrary" as const, name: ".a b/c", height: 512 }]) {
    const chosen = choose(data, laptop, 3600);
    const yaml = planYaml(chosen, data, laptop);
    const config = loadConfig({ file: "plan.yaml", text: yaml });
    assert.equal(ofMethod(config, "2.5d").slice.model.name, "slice_cnn");
    for (const { reason } of chosen.choices)
      assert.ok(yaml.includes(`# ${reason}\n`) || yaml.endsWith(`# ${reason}\n`), reason);
  }
});

test("names of classes and data sets cannot begin a key of the file, nor end it in an error", () => {
  const data = {
    ...ct,
    classes: ["a\nmethod: 3d", "b\u2028c"],
    name: "x".repeat(200),
    flags: ["No volume of a\nname: z"],
  };
  const yaml = planYaml(choose(data, laptop, null), data, laptop);
  const config = loadConfig({ file: "plan.yaml", text: yaml });
  assert.deepEqual([config.method, config.name], ["2.5d", "x".repeat(120)]);
});

test("planned on a real small data set, measured on this machine, and trained", async () => {
  const folder = scratch();
  const data = await smallDataset(folder);
  const planned = await plan({ data, budget: 3600, threads: 1, device: "cpu" });
  assert.deepEqual(
    planned.machine.speeds.map(({ model }) => model),
    ["slice_cnn", "resnet18", "resnet50"],
  );
  assert.ok(planned.machine.speeds.every(({ training, embedding }) => training > 0 && embedding > 0));
  assert.equal(
    planned.fingerprint.train.reduce((sum, count) => sum + count, 0),
    10,
  );
  assert.ok(ofMethod(planned.config, "2.5d").slice.epochs >= 4);
  const short = loadConfig({
    text: planned.yaml,
    overrides: { "slice.epochs": "1", "head.epochs": "1", "slice.slices_per_volume": "2", threads: "1" },
  });
  assert.equal((await train({ config: short, data, out: join(folder, "run") })).status, "finished");
});

test("a split without validation volumes is refused before anything is measured, with the command that draws another", async () => {
  const dataset = openDataset(await smallDataset(scratch(), 10));
  writeSplit(dataset, makeSplit(dataset, { seed: 0, fractions: [0.8, 0, 0.2] }));
  await assert.rejects(plan({ data: dataset.directory, threads: 1, device: "cpu" }), {
    name: "SplitError",
    message:
      /expected a val part with volumes, it has none\. Draw another split: slicestack split .* --overwrite/,
  });
});
