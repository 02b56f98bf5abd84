import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzz } from "./fuzz.js";

for (const what of ["addon", "public", "modules"] as const) {
  for (let seed = 1; seed <= 20; seed++) {
    test(`300 more calls with wrong arguments to every function (${what}, seed ${seed})`, async () => {
      assert.deepEqual((await fuzz(what, 300, seed)).wrong, []);
    });
  }
}
