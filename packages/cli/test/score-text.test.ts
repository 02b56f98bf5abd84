/** The scores in the last lines of a training. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { scoreText } from "../src/commands/score-text.js";

test("a kappa below 0 keeps its sign; a loss is shown as a loss", () => {
  assert.equal(scoreText("quadratic kappa", "quadratic_kappa", -0.3), "quadratic kappa -0.300");
  assert.equal(scoreText("loss", "loss", -0.25), "loss 0.250");
  assert.equal(scoreText("macro F1", "macro_f1", 0.5), "macro F1 0.500");
});
