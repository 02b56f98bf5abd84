/** The score of several models: the log-odds of their mean probabilities. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { logOdds } from "../../src/explain/ensemble.js";

test("log-odds: log p / (1 - p), also where a float32 rounded p to 1 or the others to 0", () => {
  assert.ok(Math.abs(logOdds([0.8, 0.1, 0.1], 0) - Math.log(4)) < 1e-12);
  assert.ok(Math.abs(logOdds([1, 1e-9], 0) - Math.log(1e9)) < 1e-12);
  assert.ok(Math.abs(logOdds([1, 1e-9], 1) + Math.log(1e9)) < 1e-12);
  for (const target of [0, 1]) assert.ok(Number.isFinite(logOdds([1, 0], target)));
});
