/** docs/reference/api says what the sources say: a change of a public name or of its doc comment changes a page. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

test("the pages of the API reference are those that the sources give", () => {
  const { status, stderr } = spawnSync(process.execPath, ["scripts/api-reference.mjs", "--check"], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
});
