/** The file of a sweep: what it may say, and what is refused with its line. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { ConfigError } from "../../src/config/errors.js";
import { settingsOf, takesPart } from "../../src/sweep/space.js";
import { loadSweepFile } from "../../src/sweep/sweep-file.js";
import { trialsOf, type Point } from "../../src/sweep/trial.js";

const WHOLE = `name: lidc
config: {method: 2.5d}
settings: {threads: 1}
objective: auroc
seeds: [3, 5]
space:
  slice.label_smoothing: [0, 0.1]
  head.model.gru.width: {int: [8, 64], log: true, when: {head.model: [gru]}}
  head.model: [attention, mean, gru]
  slice.weighted_sampler: [false, true]
  slice.learning_rate: {float: [0.0001, 0.01], log: true}
  task: {choice: {all: {}, two: {task.classes_to_include: [0, 1], task.class_names: null}}}
search: tpe
budget: {points: 20}
prune: {asha: {reduction: 3}}
`;

function fileOf(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "sweep-file-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "sweep.yaml");
  writeFileSync(file, text);
  return file;
}

test("a sweep's file: dimensions stand after those that their conditions name; false and 0 are values", (t) => {
  const sweep = loadSweepFile(fileOf(t, WHOLE));
  const names = sweep.space.map(({ name }) => name);
  assert.ok(names.indexOf("head.model.gru.width") > names.indexOf("head.model"));
  assert.equal(names.length, 6);
  const width = sweep.space.find(({ name }) => name === "head.model.gru.width")!;
  assert.equal(takesPart(width, { "head.model": "gru" }), true);
  assert.equal(takesPart(width, { "head.model": "mean" }), false);
  assert.equal(takesPart(width, {}), false);
  assert.deepEqual(sweep.asha, { stage: "first", minEpochs: 1, reduction: 3 });
  const values = { "slice.label_smoothing": 0, "slice.weighted_sampler": false, task: "two" };
  assert.deepEqual(settingsOf(sweep.space, values), {
    "slice.label_smoothing": 0,
    "slice.weighted_sampler": false,
    "task.classes_to_include": [0, 1],
    "task.class_names": null,
  });
});

test("NaN and infinity in a sweep's file are refused by the key that holds them", (t) => {
  const text = `name: a
space:
  head.epochs: [1, .nan]
  head.learning_rate: {float: [.nan, 1]}
settings: {seed: .inf, threads: 1}
`;
  assert.throws(
    () => loadSweepFile(fileOf(t, text)),
    (error) => {
      assert.ok(error instanceof ConfigError);
      const [epochs, rate, seed] = error.message.split("\n");
      assert.match(
        epochs!,
        /:3:\d+: space\.head\.epochs: expected a list of values, .* received the list \[1,"NaN"\]/,
      );
      assert.match(
        rate!,
        /:4:\d+: space\.head\.learning_rate: expected a list of values, \{float: \[low, high\]\}/,
      );
      assert.match(seed!, /:5:\d+: settings\.seed: expected a finite number, .* received Infinity$/);
      return true;
    },
  );
});

test("trials of a point: seed by seed and fold by fold, numbered from the point's number", () => {
  const point: Point = { number: 2, name: null, values: {}, settings: {}, source: "grid" };
  const trials = trialsOf(point, { seeds: [3, 5], folds: [0, 1, 2] });
  assert.deepEqual(
    trials.map(({ id, seed, fold }) => [id, seed, fold]),
    [
      ["000012", 3, 0],
      ["000013", 3, 1],
      ["000014", 3, 2],
      ["000015", 5, 0],
      ["000016", 5, 1],
      ["000017", 5, 2],
    ],
  );
});

test("what is wrong with a sweep's file is told with its key and line", (t) => {
  const cases: [string, string, string, number, RegExp][] = [
    ["objective: auroc", "objective: best", "objective", 4, /expected accuracy, balancedAccuracy/],
    ["float: [0.0001, 0.01]", "float: [0.01, 0.01]", "space.slice.learning_rate", 11, /low below high/],
    ["float: [0.0001, 0.01]", "float: [0, 0.01]", "space.slice.learning_rate", 11, /low above 0/],
    [
      "[attention, mean, gru]",
      "{choice: [mean], when: {head.model.gru.width: 8}}",
      "space.head.model.gru.width.when",
      8,
      /itself/,
    ],
    [
      "when: {head.model: [gru]}",
      "when: {head: gru}",
      "space.head.model.gru.width.when",
      8,
      /head is not a key/,
    ],
    ["[false, true]", "[true, true]", "space.slice.weighted_sampler", 10, /true appears twice/],
    ["budget: {points: 20}", "budget: {}", "budget", 14, /expected budget.points with search tpe/],
    ["search: tpe", "search: grid", "space.slice.learning_rate", 11, /expected points, the number of values/],
    ["seeds: [3, 5]", "seeds: 1.0e+12", "seeds", 5, /expected at most 1000000 seeds/],
    ["seeds: [3, 5]", "seed: [3, 5]", "seed", 5, /expected a whole number from 0/],
    ["settings:", "setings:", "setings", 3, /did you mean settings/],
  ];
  for (const [old, text, key, line, message] of cases) {
    const file = fileOf(t, WHOLE.replace(old, text));
    assert.throws(
      () => loadSweepFile(file),
      (error) => {
        assert.ok(error instanceof ConfigError, String(error));
        assert.equal(error.key, key, error.message);
        assert.equal(error.line, line, error.message);
        assert.match(error.message, message);
        return true;
      },
    );
  }
});
