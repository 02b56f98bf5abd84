import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzz } from "./fuzz.js";

for (const what of ["addon", "public", "modules"] as const) {
  test(`300 calls with wrong arguments to every function (${what}): the process lives, every throw is an Error`, async () => {
    const { targets, thrown, returned, wrong } = await fuzz(what, 300, 20251123);
    assert.deepEqual(wrong, []);
    assert.equal(thrown + returned, targets * 300);
    assert.ok(targets > 140, `${targets} functions`);
    assert.ok(thrown > returned, "most calls were wrong");
  });
}
