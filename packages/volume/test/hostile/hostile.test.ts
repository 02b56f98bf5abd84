import assert from "node:assert/strict";
import test from "node:test";
import { hostileFormats } from "./formats.js";
import { runHostile } from "./run.js";

test("500 mutated files of all formats: a valid volume or a typed error, in bounded memory, without crash or hang", async () => {
  const { formats, violations, peakMb } = await runHostile(2025, 500);
  assert.deepEqual(violations, []);
  for (const { name } of hostileFormats) {
    const { read, refused } = formats.get(name) ?? { read: 0, refused: 0 };
    // In a zip archive almost every byte matters.
    assert.ok(refused > 10 && (read > 0 || name === "zip"), `${name}: ${read} read, ${refused} refused`);
  }
  assert.ok(peakMb < 600, `${peakMb} MB resident`);
});
