import assert from "node:assert/strict";
import { test } from "node:test";
import { asStarted } from "../src/shell.js";

test("a remedy is shown as the program was started: with npx, or by its name alone", () => {
  const remedy = "Go on with: slicestack train --resume runs/a   or npx slicestack runs; see /opt/slicestack train";
  assert.equal(asStarted(remedy, {}), remedy);
  assert.equal(
    asStarted(remedy, { npm_command: "exec" }),
    "Go on with: npx slicestack train --resume runs/a   or npx slicestack runs; see /opt/slicestack train",
  );
});
