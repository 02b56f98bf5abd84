/** The files of configs/: every one loads, says what it must at its top, and is what editors check it against. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import Ajv from "ajv";
import { parse } from "yaml";
import "../../src/models/catalogue.js";
import { stageClasses } from "../../src/config/classes.js";
import { configJsonSchema, publishedJsonSchema } from "../../src/config/json-schema.js";
import { loadConfig } from "../../src/config/load.js";
import { configToYaml } from "../../src/config/to-yaml.js";
import { ofMethod } from "./of-method.js";

const root = join(import.meta.dirname, "../../../../..");
const folder = join(root, "configs");
const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".yaml") && !name.startsWith("sweeps/"))
  .sort();
const textOf = (name: string) => readFileSync(join(folder, name), "utf8");
const isFlat = (name: string) => name.startsWith("published/");

const schemas = { "schema.json": configJsonSchema(), "published/schema.json": publishedJsonSchema() };
const validators = new Map(
  Object.entries(schemas).map(([name, schema]) => [name, new Ajv().compile(schema)]),
);
const accepts = (text: string, name = "schema.json") => validators.get(name)!(parse(text)) === true;

test("configs/schema.json and configs/published/schema.json are what the schema says (WRITE_REFERENCE=1 rewrites them)", () => {
  for (const [name, schema] of Object.entries(schemas)) {
    const text = `${JSON.stringify(schema, null, 2)}\n`;
    if (process.env["WRITE_REFERENCE"] === "1") writeFileSync(join(folder, name), text);
    assert.deepEqual(JSON.parse(textOf(name)), schema, name);
  }
});

for (const name of files) {
  test(`configs/${name} loads, fits its schema, and opens with its schema, command, run time and score`, () => {
    const text = textOf(name);
    loadConfig({ file: join(folder, name) });
    const schema = isFlat(name) ? "published/schema.json" : "schema.json";
    assert.ok(accepts(text, schema), JSON.stringify(validators.get(schema)?.errors));
    const [first = "", ...rest] = text.split("\n");
    assert.equal(first, "# yaml-language-server: $schema=schema.json");
    const opening = rest
      .slice(
        0,
        rest.findIndex((line) => !line.startsWith("#")),
      )
      .join("\n");
    for (const word of [`configs/${name}`, "# command:", "# run time:", "# score:"])
      assert.ok(opening.includes(word), word);
  });
}

test("what the program refuses of one key, the editor's schema refuses too; what it accepts, that accepts", () => {
  const wrong = [
    "slise: {epochs: 3}",
    "slice: {epoch: 3}",
    'slice: {epochs: "3"}',
    "slice: {epochs: -1}",
    "method: 4d",
    "transform: {window: [1]}",
    "transform: {augment: stronger}",
    "transform: {augment: {rotation: {degree: [-5, 5]}}}",
    "head: {model: lstm}",
    "task: {class_mapping: {a: 1}}",
    "split: {fractions: [0.5, 0.5]}",
    "overfit: yes please",
    "method: 3d\nslice: {epochs: 1}",
    "method: 2d\nhead: {epochs: 1}",
    "network: {epochs: 1}",
    "volume: {epochs: 1}",
    "slice: {focal_gamma: 1}",
    "head: {model: {topk: {k: 0}}}",
    "head: {model: {topk: {width: 3}}}",
    "head: {model: {mean: {k: 3}}}",
  ];
  for (const text of wrong) {
    assert.throws(() => loadConfig({ text }), { name: "ConfigError" }, text);
    assert.ok(!accepts(text), text);
  }
  const right = [
    "transform: {augment: {preset: published, shear: null, noise: {}}}",
    "transform: {augment: false}",
    "task: {classes_to_include: [0, 1, 2], class_mapping: {0: 0, 1: 1, 2: 1}}",
    "device: cuda:1",
    "threads: auto",
    "method: 3d\nnetwork: {size: [64, 64, 32], dropout: null}",
    "head: {model: {topk: {k: 3}}, loss: {focal: {gamma: 0}}}",
    "head: {model: {topk: null}}",
  ];
  for (const text of right) {
    loadConfig({ text });
    assert.ok(accepts(text), text);
  }
});

test("--print-config of every file fits the schema, and loads back to the same configuration", () => {
  for (const name of files) {
    const config = loadConfig({ file: join(folder, name) });
    const text = configToYaml(config);
    assert.deepEqual(loadConfig({ text }), config, name);
    assert.ok(accepts(text), `${name}: ${JSON.stringify(validators.get("schema.json")?.errors)}`);
  }
});

/** The tasks of the published system, by the class of each of MosMed's five grades; null: takes no part. */
const tasks: Record<string, (number | null)[]> = {
  "mosmed_4class.yaml": [0, 1, 2, 3, 3],
  "mosmed_4class_ordinal.yaml": [0, 1, 2, 3, 3],
  "mosmed_5class.yaml": [0, 1, 2, 3, 4],
  "mosmed_5class_ordinal.yaml": [0, 1, 2, 3, 4],
  "mosmed_0_1_2_3.yaml": [0, 1, 2, 3, null],
  "mosmed_0_1_2.yaml": [0, 1, 2, null, null],
  "mosmed_0v1.yaml": [0, 1, null, null, null],
  "mosmed_0v1-2.yaml": [0, 1, 1, null, null],
  "mosmed_0v1-3.yaml": [0, 1, 1, 1, null],
  "mosmed_0v1-4.yaml": [0, 1, 1, 1, 1],
  "mosmed_0v2.yaml": [0, null, 1, null, null],
  "mosmed_1v3.yaml": [null, 0, null, 1, null],
};

/** The published files that are named for their task. */
const flatTasks: Record<string, (number | null)[]> = {
  "1v3": [0, null, 1, null, null],
  first_two: [0, 1, null, null, null],
  first_three: [0, 1, 2, null, null],
  resnet_no_dropout: [0, 1, 1, null, null],
  resnet_no_dropout_multiclass: [0, 1, 2, 3, 4],
  config: [0, 1, 1, null, null],
  custom: [0, 1, 1, null, null],
};

test("the published names train what they train there; 1v3 is really 0 against 2, and its file says so (trap 11)", () => {
  for (const [name, wanted] of Object.entries(flatTasks)) {
    const config = ofMethod(loadConfig({ file: join(folder, "published", `${name}.yaml`) }), "2d");
    assert.deepEqual([...stageClasses(config, [0, 1, 2, 3, 4]).mapping.values()], wanted, name);
    assert.deepEqual(
      [config.name, config.method, config.slice.model.name, config.slice.dropout],
      [name, "2d", "custom_resnet", 0],
    );
  }
  assert.match(textOf("published/1v3.yaml"), /CT-0 against CT-2, whatever its name says \(trap 11\)/);
});

test("there is a file for every task of the published system, and it tells apart what its name says (trap 11)", () => {
  const grades = ["CT-0", "CT-1", "CT-2", "CT-3", "CT-4"];
  for (const [name, wanted] of Object.entries(tasks)) {
    const config = loadConfig({ file: join(folder, name) });
    const { count, names, mapping } = stageClasses(config, [0, 1, 2, 3, 4], grades);
    assert.deepEqual([...mapping.values()], wanted, name);
    assert.equal(count, new Set(wanted.filter((label) => label !== null)).size, name);
    const joined = Array.from({ length: count }, (_, k) =>
      grades.filter((_, label) => wanted[label] === k).join("+"),
    );
    assert.deepEqual(names, joined, name);
  }
  assert.deepEqual(
    files.filter((name) => name.startsWith("mosmed") && !name.includes("3d")).sort(),
    Object.keys(tasks).sort(),
  );
});
