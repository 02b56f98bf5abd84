import assert from "node:assert/strict";
import { test } from "node:test";
import "../../src/models/catalogue.js";
import { areOrdinal, checkOrdinal, stageClasses } from "../../src/config/classes.js";
import { ConfigError } from "../../src/config/errors.js";
import { loadConfig } from "../../src/config/load.js";
import type { StageName } from "../../src/config/stages.js";

const MOSMED = ["CT-0", "CT-1", "CT-2", "CT-3", "CT-4"];
const LABELS = [0, 1, 2, 3, 4];
const task = (text: string) => loadConfig({ text: `task: ${text}` });

test("without settings every label is its own class, named by the data set", () => {
  const classes = stageClasses(loadConfig({}), LABELS, MOSMED);
  assert.equal(classes.count, 5);
  assert.deepEqual(classes.names, MOSMED);
  assert.deepEqual(
    [...classes.mapping],
    LABELS.map((label) => [label, label]),
  );
});

test("the tasks of the paper: 1 vs 3, and 0 vs {1, 2} with the rest excluded (reference.md section 2)", () => {
  const pair = stageClasses(task("{classes_to_include: [1, 3]}"), LABELS, MOSMED);
  assert.deepEqual([...pair.mapping.values()], [null, 0, null, 1, null]);
  assert.deepEqual(pair.names, ["CT-1", "CT-3"]);
  const grouped = stageClasses(
    task("{classes_to_include: [0, 1, 2], class_mapping: {0: 0, 1: 1, 2: 1}}"),
    LABELS,
    MOSMED,
  );
  assert.deepEqual([...grouped.mapping.values()], [0, 1, 1, null, null]);
  assert.deepEqual([grouped.count, grouped.names], [2, ["CT-0", "CT-1+CT-2"]]);
});

test("a mapping alone must cover every label of the data set", () => {
  const config = task("{class_mapping: {0: 1, 1: 0}}");
  assert.deepEqual(
    [...stageClasses(config, [1, 0, 1]).mapping],
    [
      [0, 1],
      [1, 0],
    ],
  );
  assert.deepEqual(stageClasses(config, [0, 1]).names, ["1", "0"]);
  assert.throws(
    () => stageClasses(config, [0, 1, 2]),
    /class_mapping has no entry for class 2; the data set has/,
  );
});

test("a class that the data set lacks, and names that do not fit, are ConfigErrors", () => {
  assert.throws(
    () => stageClasses(task("{classes_to_include: [0, 7]}"), LABELS),
    /names class 7; .* 0, 1, 2, 3, 4$/,
  );
  assert.throws(() => stageClasses(task("{class_names: [a, b]}"), LABELS), /has 2 names for 5 classes/);
  assert.throws(() => stageClasses(loadConfig({}), [3, 3]), /leaves 1 class/);
});

test("settings that contradict each other are refused before any data is read", () => {
  const cases: [string, RegExp][] = [
    [
      "{classes_to_include: [0, 1], class_mapping: {0: 0, 1: 1, 2: 1}}",
      /maps class 2, which classes_to_include leaves out/,
    ],
    [
      "{classes_to_include: [0, 1, 2], class_mapping: {0: 0, 1: 1}}",
      /no entry for class 2 of classes_to_include/,
    ],
    ["{class_mapping: {0: 0, 1: 2}}", /task classes 0\.\.1 without a gap, received 0, 2/],
    ["{class_mapping: {0: 1, 1: 2}}", /received 1, 2/],
    ["{class_mapping: {0: 0, 1: 0}}", /at least 2 different task classes/],
    ["{class_mapping: {a: 0, 1: 1}}", /expected a map of whole numbers/],
    ["{class_mapping: {-1: 0, 1: 1}}", /expected a map of whole numbers/],
    ["{classes_to_include: [1, 1]}", /received 1 twice/],
    ["{classes_to_include: [1]}", /at least 2 classes/],
    ["{classes_to_include: []}", /expected a list of whole numbers/],
    ["{classes_to_include: [0, 1], class_names: [a, b, c]}", /expected 2 names/],
  ];
  for (const [text, message] of cases) assert.throws(() => task(text), message, text);
});

test("classes are grades where they are named by rising numbers or CT-k, or where the configuration says so; words are not", () => {
  for (const names of [
    ["0", "1", "2"],
    MOSMED,
    ["CT-0", "CT-1+CT-2", "CT-3"],
    ["1", "1.5", "10"],
    ["ct 0", "ct 1", "ct 2"],
  ])
    assert.equal(areOrdinal(null, names), true, names.join());
  for (const names of [
    ["CAP", "COVID-19", "Normal"],
    ["mild", "moderate", "severe"],
    ["CT-0", "CT-2", "CT-1"],
    ["CT-0+CT-2", "CT-1", "CT-3"],
    ["0", "1", "other"],
    ["benign", "malignant"],
    ["CT-0", "CT-1"],
  ])
    assert.equal(areOrdinal(null, names), false, names.join());
  assert.equal(areOrdinal(true, ["mild", "moderate", "severe"]), true);
  assert.equal(areOrdinal(false, MOSMED), false);
  assert.equal(stageClasses(task("{ordinal: true, class_names: [a, b, c]}"), [0, 1, 2]).ordinal, true);
  assert.equal(stageClasses(task("{class_names: [a, b, c]}"), [0, 1, 2]).ordinal, false);
});

test("loss ordinal and select quadratic_kappa are refused for classes without an order, by key, of the stages that are trained", () => {
  const config = loadConfig({ text: "slice: {loss: ordinal}\nhead: {select: quadratic_kappa}" });
  const words = { ordinal: false, names: ["CAP", "COVID-19", "Normal"] };
  const problems = (stages: StageName[]) => {
    try {
      checkOrdinal(config, words, stages);
    } catch (error) {
      if (error instanceof ConfigError) return error.problems.map(({ key }) => key);
    }
    return [];
  };
  assert.deepEqual(problems(["slice", "volume"]), ["slice.loss", "head.select"]);
  assert.deepEqual(problems(["slice"]), ["slice.loss"]);
  assert.throws(
    () => checkOrdinal(config, words, ["slice"]),
    /task\.ordinal: true if CAP < COVID-19 < Normal/,
  );
  checkOrdinal(config, { ...words, ordinal: true }, ["slice", "volume"]);
});
