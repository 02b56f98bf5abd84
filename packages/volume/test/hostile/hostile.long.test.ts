import assert from "node:assert/strict";
import test from "node:test";
import { hostileFormats } from "./formats.js";
import { runHostile } from "./run.js";

test("20 000 mutated files of all formats: a valid volume or a typed error, in bounded memory, without crash or hang", async () => {
  const { formats, violations, peakMb } = await runHostile(7, 20_000);
  assert.deepEqual(violations, []);
  let total = 0;
  for (const { name } of hostileFormats) {
    const { read, refused } = formats.get(name) ?? { read: 0, refused: 0 };
    console.log(`${name}: ${read} read, ${refused} refused`);
    total += read + refused;
  }
  console.log(`${peakMb} MB resident at most`);
  assert.equal(total, 20_000);
  assert.ok(peakMb < 600, `${peakMb} MB resident`);
});
