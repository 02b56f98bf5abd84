import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import "../../src/models/catalogue.js";
import { augmentPresets } from "../../src/config/augment.js";
import { demoConfig } from "../../src/config/demo.js";
import { ConfigError } from "../../src/config/errors.js";
import { stagesOf } from "../../src/config/stages.js";
import { loadConfig, type LoadOptions } from "../../src/config/load.js";
import { configToYaml } from "../../src/config/to-yaml.js";
import { ofMethod } from "./of-method.js";

// dist/test/config → repository root
const root = join(import.meta.dirname, "../../../../..");

const stacked = (options: LoadOptions) => ofMethod(loadConfig(options), "2.5d");

function fails(text: string, overrides: Record<string, string> = {}): ConfigError {
  try {
    loadConfig({ file: "run.yaml", text, overrides });
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error;
  }
  return assert.fail(`accepted: ${text} ${JSON.stringify(overrides)}`);
}

test("defaults are the method's (reference.md section 2, table of settings)", () => {
  const config = stacked({});
  assert.equal(config.slice.model.name, "custom_resnet");
  assert.deepEqual([config.transform.mean, config.transform.std], [0.485, 0.229]);
  assert.deepEqual(config.transform.augment, augmentPresets().published);
  assert.equal(config.transform.window, null);
  assert.deepEqual(config.split, { seed: 0, fractions: [0.6, 0.2, 0.2] });
  const { network } = ofMethod(loadConfig({ text: "method: 3d" }), "3d");
  for (const stage of [config.slice, config.head, network]) {
    assert.deepEqual(
      [stage.optimizer, stage.learningRate, stage.batchSize, stage.schedule, stage.weightedSampler],
      ["adam", 3e-4, 32, "plateau", true],
    );
  }
  assert.deepEqual([config.method, stagesOf(config)], ["2.5d", ["slice", "volume"]]);
  assert.deepEqual([config.slice.epochs, config.slice.dropout], [20, 0]);
  assert.deepEqual([config.head.epochs, config.head.dropout, config.head.model.name], [30, null, "flatten"]);
});

test("precedence: defaults < file < overrides", () => {
  const text = "slice: {epochs: 3, batch_size: 8}";
  const config = stacked({
    text,
    overrides: { "slice.epochs": "5", "slice.learning_rate": "1e-3", seed: "7" },
  });
  assert.equal(config.slice.epochs, 5);
  assert.equal(config.slice.batchSize, 8);
  assert.equal(config.slice.learningRate, 0.001);
  assert.equal(config.seed, 7);
  assert.equal(config.head.batchSize, 32);
});

test("false, 0 and null are kept where the default is another (trap 8 of reference.md section 4)", () => {
  const text =
    "transform: {augment: false, mean: 0}\nhead: {dropout: 0, weighted_sampler: false, momentum: 0}\nseed: 0";
  const config = stacked({
    text,
    overrides: { "slice.weighted_sampler": "false", "slice.clip_norm": "null" },
  });
  assert.deepEqual([config.transform.augment, config.transform.mean], [augmentPresets().none, 0]);
  assert.deepEqual([config.head.dropout, config.head.weightedSampler, config.head.momentum], [0, false, 0]);
  assert.deepEqual([config.slice.weightedSampler, config.slice.clipNorm], [false, null]);
});

test("booleans must be booleans: yes, 0 and quoted texts are refused (trap 8 of reference.md section 4)", () => {
  for (const value of ["yes", "no", "on", "1", "0", '"false"', "null", "[true]"]) {
    const error = fails(`slice:\n  weighted_sampler: ${value}\n`);
    assert.deepEqual([error.key, error.line, error.column], ["slice.weighted_sampler", 2, 21], value);
    assert.match(error.message, /^run\.yaml:2:21: slice\.weighted_sampler: expected true or false, received/);
  }
  assert.match(fails("slice: {weighted_sampler: yes}").message, /; write true$/);
  assert.match(
    fails("", { "slice.weighted_sampler": "no" }).message,
    /^--slice\.weighted_sampler: .*; write false$/,
  );
});

test("an unknown key names file, line, column and the nearest valid key", () => {
  const cases: [string, number, number, string][] = [
    ["# run\nslice:\n  learning_rat: 0.1\n", 3, 3, "slice.learning_rate"],
    ["slice:\n  learningRate: 0.1\n", 2, 3, "slice.learning_rate"],
    ["name: a\nlearning_rate: 0.1\n", 2, 1, "slice.learning_rate or head.learning_rate"],
    ["slice: {epochs: 2, batchsize: 4}\n", 1, 20, "slice.batch_size"],
    ["name: a\nclass_mapping: {0: 0}\n", 2, 1, "task.class_mapping"],
    ["head:\n  num_epochs: 4\n", 2, 3, "head.epochs"],
    ["sead: 1\n", 1, 1, "seed"],
  ];
  for (const [text, line, column, nearest] of cases) {
    const error = fails(text);
    assert.deepEqual([error.file, error.line, error.column], ["run.yaml", line, column], text);
    assert.ok(error.message.endsWith(`did you mean ${nearest}?`), error.message);
  }
});

test("an unknown key is refused at every level, prototype names included", () => {
  for (const text of [
    "__proto__: {seed: 1}",
    "constructor: 1",
    "slice: {__proto__: {epochs: 1}}",
    "zzzzzz: 1",
  ])
    assert.match(fails(`seed: 1\n${text}`).message, /unknown key/);
});

test("a wrong type or range is refused with what was expected, what came, and its place", () => {
  const cases: [string, string, RegExp][] = [
    ["slice:\n  epochs: ten", "2:11", /expected a whole number, at least 0, received the text "ten"/],
    ["slice:\n  epochs: 1.5", "2:11", /received 1.5/],
    ["slice:\n  learning_rate: .nan", "2:18", /received NaN/],
    ["slice:\n  learning_rate: -.inf", "2:18", /received -Infinity/],
    ["slice:\n  learning_rate: 0", "2:18", /above 0/],
    ["slice:", "1:7", /slice: expected a section with keys such as model, pretrained.*received nothing/],
    ["split: {fractions: [0.5, 0.5]}", "1:20", /\[train, val, test\].*received the list \[0.5,0.5\]/],
    ["split: {fractions: [0.5, 0.5, 0.5]}", "1:20", /three shares that sum to 1/],
    ["transform: {window: [400, -1000]}", "1:21", /low below high/],
    ["transform: {window: [low, 3]}", "1:22", /received the list/],
    ["transform: {window: [.nan, .inf]}", "1:22", /received the list \["NaN","Infinity"\]/],
    ["name: 12", "1:7", /put it in quotes: "12"/],
    ["device: cuda", "1:9", /cuda:N, e\.g\. cuda:0, received the text "cuda"/],
    [
      "head: {loss: logit_adjustment}",
      "1:7",
      /head\.weighted_sampler: expected false, because the loss logit_adjustment corrects for class frequencies already/,
    ],
    [
      "slice: {loss: logit_adjustment, weighted_sampler: false, weighted_loss: true}",
      "1:73",
      /slice\.weighted_loss: expected false/,
    ],
    [
      "head: {loss: logit_adjustment, weighted_sampler: false}\nfine_tune: {epochs: 1}",
      "2:12",
      /fine_tune\.weighted_sampler: expected false/,
    ],
    ["slice: {model: vgg16}", "1:16", /resnet18, resnet34.*received the text "vgg16"/],
    ["slice: {epochs: 2, warmup_epochs: 3}", "1:35", /at most the 2 epochs/],
    ["slice: {loss: hinge}", "1:15", /cross_entropy, .*or label_distribution, received the text "hinge"/],
    ["slice: {mixup: -0.1}", "1:16", /a number, at least 0, received -0\.1/],
    [
      "head: {loss: {focal: {alpha: [1, 0]}}}",
      "1:30",
      /: head\.loss\.focal\.alpha: expected a list of numbers above 0, one for each task class.*received the list/,
    ],
    [
      "head: {model: {topk: {k: 0}}}",
      "1:26",
      /: head\.model\.topk\.k: expected a whole number, at least 1, received 0$/,
    ],
    [
      "head:\n  model: {gru: {k: 2}}",
      "2:20",
      /head\.model\.gru\.k: there is no such option; gru has width, layers \(topk: k\)$/,
    ],
    [
      "head:\n  model: {mean: {k: 2, z: 1}}",
      "2:21",
      /head\.model\.mean\.k: there is no such option; mean has no options \(topk: k\)\n.*head\.model\.mean\.z: /,
    ],
    ["head: {model: {gru: {}, mean: {}}}", "1:15", /head\.model: expected flatten, .*received a section$/],
    ["slice: {soft_label_floor: 0}", "1:27", /above 0, at most 1, received 0/],
    ["head: {mixup: 0.2}", "1:8", /unknown key head\.mixup; did you mean slice\.mixup\?/],
    ["- 1", "1:1", /expected "key: value" lines/],
  ];
  for (const [text, place, message] of cases) {
    const error = fails(text);
    assert.ok(error.message.startsWith(`run.yaml:${place}: `), `${text} -> ${error.message}`);
    assert.match(error.message, message);
  }
});

test("YAML's own faults carry their place: duplicate keys, open brackets, unknown tags, two documents", () => {
  assert.match(fails("seed: 1\nseed: 2").message, /^run\.yaml:2:1: /);
  assert.match(fails("slice: [").message, /^run\.yaml:1:/);
  assert.match(fails("seed: !secret 1").message, /^run\.yaml:1:7: /);
  assert.match(fails("seed: 1\n---\nseed: 2").message, /^run\.yaml:/);
  assert.match(fails("seed: *x").message, /^run\.yaml:/);
});

test("every problem of a file and the flags is named at once", () => {
  const error = fails("sead: 1\nslice: {epochs: no}", { seed: "x" });
  assert.deepEqual(error.problems.map(({ key }) => key).sort(), ["sead", "seed", "slice.epochs"]);
  assert.match(error.message, /^run\.yaml:1:1: .*\nrun\.yaml:2:17: .*\n--seed: expected a whole number/);
});

test("overrides: an unknown or wrong flag is named, with the nearest one", () => {
  assert.match(
    fails("", { "slice.learning_rat": "1" }).message,
    /^--slice\.learning_rat: .*--slice\.learning_rate\?$/,
  );
  assert.match(
    fails("", { slice: "{epochs: 2}" }).message,
    /^--slice: slice is a section; did you mean --slice\.model/,
  );
  assert.equal(fails("", { "slice.epochs": "" }).flag, "--slice.epochs");
  assert.match(
    fails("slice: 3", { "slice.epochs": "2" }).message,
    /run\.yaml:1:8: slice: expected a section/,
  );
});

test("overrides: texts need no YAML quotes, lists and maps are YAML", () => {
  const overrides = { name: "2024", checkpoint: "[a]: b.safetensors", "transform.window": "[-100, 300]" };
  const config = loadConfig({ overrides: { ...overrides, "task.class_mapping": "{0: 0, 1: 1, 2: 1}" } });
  assert.deepEqual([config.name, config.checkpoint], ["2024", "[a]: b.safetensors"]);
  assert.deepEqual(config.transform.window, [-100, 300]);
  assert.deepEqual(
    config.task.classMapping,
    new Map([
      [0, 0],
      [1, 1],
      [2, 1],
    ]),
  );
  assert.equal(loadConfig({ text: "checkpoint: a", overrides: { checkpoint: "null" } }).checkpoint, null);
});

test("a file that is absent gives a ConfigError with its path", () => {
  assert.throws(
    () => loadConfig({ file: "no/such.yaml" }),
    /^ConfigError: no\/such\.yaml: there is no such file; the shipped/,
  );
});

test("configToYaml round-trips through loadConfig: every config file, and one with every key off its default", () => {
  const changed = loadConfig({
    text: `name: "1e3"
threads: 2
task: {classes_to_include: [4, 0, 2], class_mapping: {4: 0, 0: 1, 2: 1}, class_names: ["yes", "0"]}
transform: {window: [-160.5, 240], augment: {preset: light, noise: null, crop: {}}}
slice: {learning_rate: 1e-7, clip_norm: 1, size: [64, 96], slices_per_volume: 4, pretrained: "a: b#c", loss: ordinal, mixup: 0.2, cutmix: 1, soft_labels: true, soft_label_warmup: 2, soft_label_floor: 0.5, subject_sampler: true}
head: {schedule: one_cycle, model: {topk: {k: 3}}, label_smoothing: 0.1, loss: {focal: {gamma: 0, alpha: [1, 2, 0.5]}}, weighted_loss: true, class_weights: effective, effective_beta: 0.99}
checkpoint: "null"
overfit: true`,
  });
  assert.deepEqual(loadConfig({ text: configToYaml(changed) }), changed);
  assert.match(configToYaml(changed), /class_mapping: \{0: 1, 2: 1, 4: 0\}/);
  for (const file of configFiles()) {
    const config = loadConfig({ file });
    assert.deepEqual(loadConfig({ text: configToYaml(config) }), config, file);
  }
});

test("every file under configs/ loads and opens with its command, run time and score", () => {
  const files = configFiles();
  assert.ok(files.length >= 4, "configs/ holds the four files of this version");
  for (const file of files) {
    loadConfig({ file });
    const header = readFileSync(file, "utf8").split(/^[^#]/m)[0] ?? "";
    for (const line of [/^# command: /m, /^# run time: /m, /^# score: /m]) assert.match(header, line, file);
  }
});

test("demoConfig equals configs/demo.yaml, and takes overrides", () => {
  assert.deepEqual(demoConfig(), loadConfig({ file: join(root, "configs/demo.yaml") }));
  assert.equal(ofMethod(demoConfig({ "slice.epochs": "1" }), "2.5d").slice.epochs, 1);
});

function configFiles(): string[] {
  return readdirSync(join(root, "configs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".yaml") && !name.startsWith("sweeps"))
    .map((name) => join(root, "configs", name));
}

test("a shipped configuration is found by its name from any folder; a name that is none is answered with those like it", () => {
  const here = process.cwd();
  const elsewhere = mkdtempSync(join(tmpdir(), "slicestack-elsewhere-"));
  process.chdir(elsewhere);
  try {
    assert.equal(loadConfig({ file: "mosmed_0v2" }).name, "mosmed_0v2");
    assert.equal(loadConfig({ file: "mosmed_0v2.yaml" }).name, "mosmed_0v2");
    assert.equal(ofMethod(loadConfig({ file: "Configs/attn.yaml" }), "3d").network.model.name, "attn");
    writeFileSync("mosmed_0v2", "name: of this folder\n");
    assert.equal(loadConfig({ file: "mosmed_0v2" }).name, "of this folder");
    assert.throws(
      () => loadConfig({ file: "mosmed_5clas" }),
      /mosmed_5clas: there is no such file; did you mean .*mosmed_5class/,
    );
    assert.throws(
      () => loadConfig({ file: "./nothing/like.yaml" }),
      /the shipped configurations are .*demo, .*two_stage/,
    );
  } finally {
    process.chdir(here);
    rmSync(elsewhere, { recursive: true });
  }
});

test("__proto__ is an unknown key wherever it stands, with its line; in a flag too", () => {
  for (const [text, line] of [
    ["seed: 1\ntask: {class_mapping: {0: 0, 1: 1, __proto__: 3}}\n", 2],
    ["slice: {__proto__: {epochs: 7}}\n", 1],
    ["seed: 1\n\n__proto__: {polluted: yes}\n", 3],
  ] as const) {
    const { problems } = fails(text);
    assert.match(problems[0]!.message, /unknown key __proto__/);
    assert.equal(problems[0]!.line, line, text);
  }
  fails("", { "task.class_mapping": "{0: 0, 1: 1, __proto__: 3}" });
  fails("", { "slice.__proto__.epochs": "3" });
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
});

test("a name of a run or a class is one line without control characters, and no longer than a folder's may be", () => {
  for (const name of ["a\\0b", "a\\nb", "a\\x1b[2Jb", "\\tb", "n".repeat(121)]) {
    const { message } = fails(`name: "${name}"\n`);
    assert.match(message, /run\.yaml:1:.*name: expected a text without slashes and control characters/);
  }
  assert.match(fails('task: {class_names: ["a", "b\\nc"]}\n').message, /class_names.*single-line texts/);
  assert.equal(loadConfig({ text: "name: Lunge_größe 漢字\n" }).name, "Lunge_größe 漢字");
});

test("collections nested thousands deep are refused in words, in lists and in maps", () => {
  for (const text of [
    `name: ${"[".repeat(20_000)}${"]".repeat(20_000)}`,
    `slice: ${"{a: ".repeat(5000)}1${"}".repeat(5000)}`,
  ])
    assert.match(fails(text).message, /run\.yaml:1:\d+: collections are nested too deeply to be read/);
});

test("a second document, and a text of megabytes, are refused in a line", () => {
  assert.match(
    fails("name: a\n---\nname: b\n").message,
    /run\.yaml:2:1: expected one configuration, found a second/,
  );
  assert.ok(fails(`name: "${"x".repeat(3_000_000)}"`).message.length < 500);
});
