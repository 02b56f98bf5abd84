/** Every model and head of the zoo against PyTorch: forward, loss, gradients, running statistics, dropout, multiply-adds. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { getNumThreads, scope, setNumThreads } from "@slicestack/torch";
import {
  checkDropped,
  checkParity,
  expectAllNear,
  parityCases,
  type ParityCase,
  type Tolerance,
} from "./parity.js";
import { parityTable } from "./parity-table.js";
import { leakFree } from "./support.js";

// As the fixtures: the order of sums depends on it.
const threads = getNumThreads();
setNumThreads(1);
process.on("exit", () => setNumThreads(threads));

const tight: Tolerance = { relative: 1e-9, ofLargest: 1e-12 };
const loose: Tolerance = { relative: 3e-3, ofLargest: 3e-3 };
const titleOf = ({ name, options }: ParityCase) =>
  [name, ...Object.entries(options).map(([key, value]) => `${key} ${JSON.stringify(value)}`)].join(", ");

for (const [file, make] of Object.entries(parityTable)) {
  for (const of of parityCases(file)) {
    const script = `fixtures/models/${file}.py`;
    leakFree(
      `${titleOf(of)}: names, shapes, forward, loss and gradients are PyTorch's, to 1e-9 in float64 and loosely in float32; so is its cost (${script})`,
      () =>
        checkParity(of, make, [
          ["float64", tight],
          ["float32", loose],
        ]),
    );
    if (of.dropped !== null)
      leakFree(`${titleOf(of)}: dropout from a seed drops what PyTorch's drops (${script})`, () => {
        checkDropped(of, make, tight);
      });
  }
}

test("every fixture of models has its model here", () => {
  const folder = join(import.meta.dirname, "../../../../../fixtures/models");
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  assert.deepEqual(files.map((name) => name.slice(0, -5)).sort(), Object.keys(parityTable).sort());
});

test("the comparison is one that fails: a part in a million of one value is enough", () => {
  expectAllNear([1, 2], [1, 2], tight, "values");
  assert.throws(() => expectAllNear([1, 2 + 2e-6], [1, 2], tight, "values"), /values 1: expected 2/);
  assert.throws(() => expectAllNear([1], [1, 2], tight, "values"), /count/);
  scope(() => {
    const [of] = parityCases("head_mean");
    const make = parityTable["head_mean"];
    assert.ok(of !== undefined && make !== undefined);
    const wrong = {
      ...of,
      gradients: { ...of.gradients, "classifier.bias": [1, 2, 3, 4] as [number, ...number[]] },
    };
    assert.throws(
      () =>
        checkParity(wrong, make, [
          ["float64", tight],
          ["float32", loose],
        ]),
      /gradient of classifier.bias/,
    );
  });
});
